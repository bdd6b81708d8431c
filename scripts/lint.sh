#!/usr/bin/env bash
# Formatting and static analysis: lint.sh [--fix]
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mapfile -t files < <(cd "$here" && git ls-files '*.cpp' '*.hpp')
cd "$here"
if [ "${1:-}" = --fix ]; then
  scripts/in-root --set lint -- clang-format-21 -i "${files[@]}"
else
  scripts/in-root --set lint -- clang-format-21 --dry-run --Werror "${files[@]}"
  PLIMSOLL_WITH_TESTS='' scripts/build.sh tidy
fi
