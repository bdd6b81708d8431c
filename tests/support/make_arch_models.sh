#!/bin/sh
# Writes the engine's 131 small test models into a folder, once: make_arch_models.sh TEST_LLAMA_ARCHS DIR
set -eu
maker=$1
dir=$2
seed=1 # without one, every machine tests other weights
marker=$dir/.complete-seed-$seed
[ -e "$marker" ] && exit 0
rm -rf "$dir/lively" # copies of the ones before
mkdir -p "$dir"
"$maker" -s "$seed" -o "$dir" > "$dir/log.txt" 2>&1 || true # its own comparisons may fail on this machine; the files are what we want
count=$(find "$dir" -name '*.gguf' | wc -l)
echo "$count models"
[ "$count" -ge 100 ]
touch "$marker"
