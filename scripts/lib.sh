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

# npm_install WANTED FOLDER COMMAND...: what WANTED, a package.json, names is fetched into FOLDER, once; COMMAND runs npm where
# it is. Networks that ask for a registry of their own: COREPACK_NPM_REGISTRY, and npm's usual settings.
npm_install() {
  local wanted=$1 folder=$2
  shift 2
  ! cmp -s "$wanted" "$folder/installed.json" || return 0
  step "fetching packages from npm" npm_fetch "$wanted" "$folder" "$@"
}
npm_fetch() {
  local wanted=$1 folder=$2
  shift 2
  mkdir -p "$folder"
  cp "$wanted" "$folder/package.json"
  COREPACK_HOME=$folder/corepack COREPACK_ENABLE_DOWNLOAD_PROMPT=0 "$@" sh -c '
    cd "$1"
    command -v corepack >/dev/null && set -- corepack npm || set -- npm
    exec "$@" install --no-package-lock --ignore-scripts --no-audit --no-fund' sh "$folder" || return 1
  cp "$wanted" "$folder/installed.json"
}
