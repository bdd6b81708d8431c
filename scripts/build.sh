#!/usr/bin/env bash
# Configures and builds one preset: build.sh [--quiet] PRESET [TARGET...]. Everything it says goes to stderr.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

preset=$1
shift
sets=()
[ "${PLIMSOLL_WITH_TESTS:-}" ] && sets+=(--set test)
case $preset in tidy | fuzz) sets+=(--set lint) ;; esac
options=(-DPLIMSOLL_TESTS="${PLIMSOLL_WITH_TESTS:+ON}")
[ "${PLIMSOLL_WITH_TESTS:-}" ] || options=(-DPLIMSOLL_TESTS=OFF)
options+=(-DPLIMSOLL_TEST_GPU="${PLIMSOLL_TEST_GPU:-}")
options+=(-DPLIMSOLL_ENGINE="$(engine_prefix "$preset")")
[ "${CI:-}" ] && options+=(-DPLIMSOLL_WERROR=ON)

in_root=("$here/scripts/in-root" "${sets[@]}" --)
if ! "$here/scripts/root.sh" native; then "$here/scripts/root.sh" ensure $( [ "${PLIMSOLL_WITH_TESTS:-}" ] && echo test ); fi
mkdir -p "$here/build"
exec 8>"$here/build/.lock-$preset"
flock 8 # two builds of one folder at once: the second waits

# Configured once with tests, a folder keeps them: `make demo` after `make test` must not throw the tests away.
cached() { grep -q "^$1:[A-Z]*=$2\$" "$here/build/$preset/CMakeCache.txt"; }
# Another engine than before is another build: what was found of the old one is forgotten.
if [ -e "$here/build/$preset/CMakeCache.txt" ] && [ "$(engine_prefix "$preset")" != "$(configured_engine "$preset")" ]; then
  options+=(--fresh)
  rm -f "$here/build/$preset/build.ninja"
fi
if [ ! -e "$here/build/$preset/build.ninja" ] ||
  { [ "${PLIMSOLL_WITH_TESTS:-}" ] && ! { cached PLIMSOLL_TESTS ON && cached PLIMSOLL_TEST_GPU "${PLIMSOLL_TEST_GPU:-}"; }; }; then
  step "configuring ($preset)" "${in_root[@]}" cmake --preset "$preset" -S "$here" "${options[@]}"
fi
targets=()
[ $# -gt 0 ] && targets=(--target "$@")
if [ "${PLIMSOLL_BUILD_VERBOSE:-}" ]; then
  "${in_root[@]}" cmake --build "$here/build/$preset" "${targets[@]}" >&2
else
  step "building ($preset)" "${in_root[@]}" cmake --build "$here/build/$preset" "${targets[@]}"
fi
