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

# The engine that a build was configured with; empty: the system's, or nothing is configured.
configured_engine() { sed -n 's/^PLIMSOLL_ENGINE:[A-Z]*=//p' "$here/build/${1:-release}/CMakeCache.txt" 2>/dev/null || true; }
# The one to build with: PLIMSOLL_ENGINE, set and empty for the system's, or as before.
engine_prefix() {
  case ${PLIMSOLL_ENGINE-as before} in
    'as before') configured_engine "$@" ;;
    '') ;;
    *) realpath -m "$PLIMSOLL_ENGINE" ;;
  esac
}

# What is packed for other machines is the release build, with the system's engine. Further targets beside what is installed.
build_to_pack() {
  local engine
  engine=$(engine_prefix)
  [ -z "$engine" ] ||
    die "this checkout is built against '$engine', which other machines have not: PLIMSOLL_ENGINE= make build goes back to the system's engine"
  "$here/scripts/build.sh" release plimsoll_installed "$@"
}
last_change() { git -C "$here" log -1 --format=%ct 2>/dev/null || date +%s; }

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
