#!/usr/bin/env bash
# Feeds our GGUF reader damaged files: fuzz.sh [SECONDS]. Seeds are the demo models' headers; what is found stays in
# build/fuzz/corpus, and an input that breaks the reader is named at the end.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
seconds=${1:-60}
"$here/scripts/build.sh" fuzz gguf_header_fuzz

corpus=$here/build/fuzz/corpus
mkdir -p "$corpus"
for model in "$here"/models/demo/*.gguf; do
  # The odd last byte asks for a file with room for its tensors (gguf_header_fuzz.cpp).
  for kilobytes in 1 8 96; do
    { head -c "${kilobytes}k" "$model"; printf '\1'; } >"$corpus/$(basename "$model" .gguf)-$kilobytes"
  done
done
cd "$here/build/fuzz"
"$here/scripts/in-root" --set lint -- "$here/build/fuzz/bin/gguf_header_fuzz" -max_total_time="$seconds" -max_len=131072 \
  -rss_limit_mb=4096 -timeout=10 -print_final_stats=1 corpus
