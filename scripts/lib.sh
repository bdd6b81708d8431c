# Shared by the scripts: where things are, and how they talk. Sourced, not run.
# Everything the scripts say goes to stderr, so that stdout belongs to the program that is run.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll

say() { printf 'plimsoll: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# step "what" command...: says what is being done and how long it took; shows the output only where it failed.
step() {
  local what=$1 log start end
  shift
  log=$(mktemp)
  start=$(date +%s.%N)
  printf 'plimsoll: %s ...' "$what" >&2
  if "$@" >"$log" 2>&1 </dev/null; then
    end=$(date +%s.%N)
    awk -v a="$start" -v b="$end" 'BEGIN { printf " %.1f s\n", b - a }' >&2
    rm -f "$log"
  else
    local status=$?
    printf ' failed (exit status %s)\n' "$status" >&2
    cat "$log" >&2
    rm -f "$log"
    return "$status"
  fi
}

package_list() { sed -e 's/#.*//' -e '/^ *$/d' "$here/scripts/packages/$1.txt" | sort -u; }
