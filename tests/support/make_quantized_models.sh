#!/bin/sh
# Writes a dense test model and one of experts with weights of each type that CPUs treat differently, once:
# make_quantized_models.sh LLAMA_QUANTIZE MODELS_DIR
set -eu
quantize=$1
models=$2
out=$models/quantized
marker=$out/.complete-1
[ -e "$marker" ] && exit 0
rm -rf "$out"
mkdir -p "$out"
for model in llama-dense qwen3moe-moe; do
  for type in F16 BF16 Q8_0 Q4_0 Q4_K_S IQ4_NL; do
    # --pure: every matrix that can be, also those that the engine would keep larger.
    "$quantize" --pure --allow-requantize "$models/$model.gguf" "$out/$model-$type.gguf" "$type" 1 >>"$out/log.txt" 2>&1
  done
done
# Of experts alone: the engine has no file of another model in it.
"$quantize" "$models/qwen3moe-moe.gguf" "$out/qwen3moe-moe-MXFP4.gguf" MXFP4_MOE 1 >>"$out/log.txt" 2>&1
touch "$marker"
