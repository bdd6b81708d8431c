#!/usr/bin/env bash
# Feeds our readers of others' bytes damaged input: fuzz.sh [SECONDS [TARGET...]], a minute each where nothing is said.
# Targets: gguf_header (seeds: the demo models' headers), api, json_schema, fleet_file, jinja (seeds: tests/fuzz/corpus). What
# is found stays in build/fuzz/corpus-TARGET, and an input that breaks a reader is named at the end.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- gguf_header api json_schema fleet_file jinja

seed_models() {
  local model kilobytes
  for model in "$here"/models/demo/*.gguf; do
    # The odd last byte asks for a file with room for its tensors (gguf_header_fuzz.cpp).
    for kilobytes in 1 8 96; do
      { head -c "${kilobytes}k" "$model"; printf '\1'; } >"$1/$(basename "$model" .gguf)-$kilobytes"
    done
  done
}

for target in "$@"; do
  corpus=$here/build/fuzz/corpus-$target
  seeds=()
  most=16384
  mkdir -p "$corpus"
  case $target in
    gguf_header) seed_models "$corpus"; most=131072 ;;
    api) seeds=("$here/tests/fuzz/corpus/api") ;;
    json_schema) seeds=("$here/tests/fuzz/corpus/schema") ;;
    fleet_file) seeds=("$here/tests/fuzz/corpus/fleet") ;;
    jinja) seeds=("$here/tests/fuzz/corpus/jinja") ;;
    *) echo "there is no fuzzer '$target'" >&2; exit 2 ;;
  esac
  "$here/scripts/build.sh" fuzz "${target}_fuzz"
  cd "$here/build/fuzz"
  "$here/scripts/in-root" --set lint -- "$here/build/fuzz/bin/${target}_fuzz" -max_total_time="$seconds" \
    -max_len="$most" -rss_limit_mb=4096 -timeout=10 -print_final_stats=1 "$corpus" ${seeds[@]+"${seeds[@]}"}
done
