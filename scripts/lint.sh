#!/usr/bin/env bash
# Formatting and static analysis: lint.sh [--fix] [FILE...]; without files, everything.
# clang-tidy looks at the sources that are ours to ship (src and apps). What it found clean is not looked at again
# until that file, a header or .clang-tidy changes, so a second run takes seconds.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
fix=
if [ "${1:-}" = --fix ]; then fix=1; shift; fi
cd "$here"
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files '*.cpp' '*.hpp' '*.h' '*.c')
if [ "$fix" ]; then
  scripts/in-root --set lint -- clang-format-21 -i "${files[@]}"
  exit
fi
step "formatting of ${#files[@]} files" scripts/in-root --set lint -- clang-format-21 --dry-run --Werror "${files[@]}"

PLIMSOLL_WITH_TESTS='' scripts/build.sh tidy rebuild_cache # the commands alone, nothing is compiled
clean=build/tidy/clean
mkdir -p "$clean"
surroundings=$(git ls-files -co --exclude-standard '*.hpp' .clang-tidy | sort | xargs sha256sum | sha256sum)
todo=()
for file in "${files[@]}"; do
  case $file in src/*.cpp | apps/*.cpp) ;; *) continue ;; esac
  known=$clean/$( { echo "$surroundings"; sha256sum "$file"; } | sha256sum | cut -c1-40)
  [ -e "$known" ] || todo+=("$file" "$known")
done
say "clang-tidy: $((${#todo[@]} / 2)) sources to look at"
[ ${#todo[@]} = 0 ] || printf '%s\0' "${todo[@]}" | scripts/in-root --set lint -- xargs -0 -n 2 -P "$(nproc)" \
  sh -c 'clang-tidy-21 --quiet -p build/tidy "$0" 2>/dev/null && touch "$1"'
