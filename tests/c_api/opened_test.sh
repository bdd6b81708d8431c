#!/bin/sh
# A library that a program opens is in front of ggml, unless the program had opened libllama before; then it says so, and
# how that is mended, and that mends it: opened_test.sh PROGRAM LIBRARY MODEL
set -eu
program=$1
library=$2
model=$3
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
export XDG_CACHE_HOME="$cache"

fail() { echo "FAILED: $*"; cat "$cache/out"; exit 1; }
says() { grep -qx "$1" "$cache/out" || fail "no line '$1'"; }

for first in '' local global; do
  # shellcheck disable=SC2086 # nothing, or one word
  "$program" "$library" "$model" $first >"$cache/out" 2>&1 || fail "exit status $? with libllama first: '$first'"
  if [ -z "$first" ]; then
    says 'tracker: enforcing'
    says 'advice: '
    says 'required: opened'
    says 'ledger: taken'
  else
    says 'tracker: advisory'
    says 'advice: libggml-base was loaded before libplimsoll.*LD_PRELOAD=libplimsoll.so.0'
    says 'required: budgets cannot be enforced: libggml-base was loaded before.*'
    LD_PRELOAD=$library "$program" "$library" "$model" "$first" >"$cache/out" 2>&1 || fail "exit status $? with LD_PRELOAD"
    says 'tracker: enforcing'
    says 'required: opened'
    says 'ledger: taken'
  fi
done
echo "enforcing where it is opened first, advisory behind libllama, enforcing again with LD_PRELOAD"
