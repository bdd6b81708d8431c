#!/bin/sh
# Writes the engine's 131 small test models into a folder, once: make_arch_models.sh TEST_LLAMA_ARCHS DIR
set -eu
maker=$1
dir=$2
[ -e "$dir/.complete" ] && exit 0
mkdir -p "$dir"
"$maker" -o "$dir" > "$dir/log.txt" 2>&1 || true # its own comparisons may fail on this machine; the files are what we want
count=$(find "$dir" -name '*.gguf' | wc -l)
echo "$count models"
[ "$count" -ge 100 ]
touch "$dir/.complete"
