#!/usr/bin/env bash
# Makes models/demo/*.gguf again: learns a vocabulary, trains both models, writes the files, compares them with llama.cpp.
# Run by `make demo-models`. Estimated: a quarter of an hour of one free core for both.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../models/demo}
# One thread: the order of sums, and so the weights, depend on the number of threads.
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
make_model() {
  python3 "$here/train.py" "$1" "$work/$1.pt"
  python3 "$here/to_gguf.py" "$1" "$work/$1.pt" "$work/$2"
  python3 "$here/check.py" "$work/$1.pt" "$work/$2"
  mv "$work/$2" "$out/$2"
}
make_model bosun bosun-log.gguf
make_model mate mate-chat.gguf
ls -l "$out"
