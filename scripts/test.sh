#!/usr/bin/env bash
# Builds one preset with its tests and runs them: test.sh PRESET fast|full. ctest's summary is the last thing printed.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
preset=$1
PLIMSOLL_WITH_TESTS=1 "$here/scripts/build.sh" "$preset"
cat "$here/build/$preset/absent-tests.txt"

# From outside of the private root, so not some of ctest's.
"$here/tests/scripts/private_root_test.sh" "$here/build/$preset/bin/plimsoll" "$here/models/demo/bosun-log.gguf"
[ "$preset" != release ] || "$here/tests/scripts/launcher_test.sh" "$here/models/demo/bosun-log.gguf"

# The engine is not instrumented: what it does inside is not ours to report (scripts/sanitizers/*.txt name each case).
export PLIMSOLL_MATRIX=$2
export LSAN_OPTIONS=suppressions=$here/scripts/sanitizers/lsan.txt:print_suppressions=0
# allocator_may_return_null: a test asks for more than any machine holds, and the answer must be "no", as without sanitizers.
export ASAN_OPTIONS=detect_odr_violation=0:allocator_may_return_null=1
export TSAN_OPTIONS=suppressions=$here/scripts/sanitizers/tsan.txt:allocator_may_return_null=1
# Of Vulkan's drivers the software GPU's alone, unless tests are to run on a card: each process that starts the engine's
# backends, some 2,000 here, loads every driver that there is (nine of Mesa's) to learn that it has no card.
[ -n "${PLIMSOLL_TEST_GPU:-}" ] || export VK_LOADER_DRIVERS_SELECT=${VK_LOADER_DRIVERS_SELECT:-lvp_icd*}
excluded=()
case $preset in
  asan | tsan)
    excluded=(--label-exclude 'vulkan|matrix')
    echo "Under sanitizers without the tests labelled vulkan and matrix: 'make test' runs those."
    ;;
esac
run_tests() { "$here/scripts/in-root" --set test -- ctest --test-dir "$here/build/$preset" --output-on-failure -j2 "$@"; }

# Tests with servers and clocks may fail since the machine was busy, so a few that failed run once more, alone. Those that pass then
# are named: each is a fault of the test, or one that shows itself rarely.
most_again=3
again_alone() {
  local failed="$here/build/$preset/Testing/Temporary/LastTestsFailed.log" names
  [ -s "$failed" ] && [ "$(wc -l <"$failed")" -le $most_again ] || return 1
  names=$(cut -d: -f2- "$failed" | paste -sd ' ')
  say "failed beside other tests, so once more, alone: $names"
  run_tests -j1 --rerun-failed || return 1
  say "PASSED ONLY ALONE: $names"
}

# The matrix first and apart: how many cells it compared is worth a line, and the last lines belong to the other tests.
if [ ${#excluded[@]} = 0 ]; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  run_tests --label-regex matrix --verbose >"$log" 2>&1 || { cat "$log"; exit 1; }
  sed -n 's/^[0-9]*: \(.* cells compared.*\)/plan = ledger: \1/p' "$log"
  excluded=(--label-exclude matrix)
fi
run_tests "${excluded[@]}" && exit
# Under a sanitizer every finding counts.
[ "$preset" = release ] || exit 1
again_alone
