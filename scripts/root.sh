#!/usr/bin/env bash
# The private root: Debian testing in a folder, made once, for hosts whose own libllama is missing or too old.
#   root.sh path            where it is, or would be
#   root.sh ensure SET...   makes it with the base set, adds the named package sets (scripts/packages/)
#   root.sh mount-points [--folder PATH | --file PATH]...
#                           makes what is missing in it for the host's folders and files to be shown at
#   root.sh fresh FOLDER    a root of the same system with nothing added, for tests of what is installed
#   root.sh in FOLDER COMMAND...
#                           runs a command in such a root, as its root, with the network; BINDS: more arguments for bubblewrap
#   root.sh discard FOLDER  deletes it
#   root.sh native          exit status 0 where the host can build by itself
#   root.sh remove          deletes every private root of this user
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

suite=testing
root=$cache/roots/$( { package_list base; echo "$suite"; } | sha256sum | cut -c1-12)

# The mirror that this host's apt already uses for Debian itself.
mirror() {
  local uri
  uri=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 2>/dev/null |
    awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
  [ -n "$uri" ] && { echo "$uri"; return; }
  # apt has no lists yet (a fresh machine): read its sources.
  uri=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -v security | head -n 1)
  [ -n "$uri" ] && { echo "$uri"; return; }
  uri=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '$1 == "URIs:" { for (i = 2; i <= NF; i++) print $i }' |
    grep -v security | head -n 1)
  [ -n "$uri" ] || uri=$(sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list 2>/dev/null |
    grep -v security | head -n 1)
  [ -n "$uri" ] || die "apt on this host names no Debian mirror; add one to its sources and try again"
  echo "$uri"
}

native() {
  [ "${PLIMSOLL_BUILD:-}" = native ] && return 0
  [ "${PLIMSOLL_BUILD:-}" = root ] && return 1
  [ -n "${PLIMSOLL_IN_ROOT:-}" ] && return 0
  command -v cmake >/dev/null && command -v ninja >/dev/null && command -v g++ >/dev/null || return 1
  [ "$(g++ -dumpversion | cut -d. -f1)" -ge 14 ] || return 1
  local probe
  probe=$(mktemp -d)
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(p CXX)\nfind_package(llama 0.7 CONFIG REQUIRED)\n' >"$probe/CMakeLists.txt"
  local answer=0
  cmake -S "$probe" -B "$probe/b" -DCMAKE_PREFIX_PATH="$(engine_prefix)" >/dev/null 2>&1 || answer=1
  rm -rf "$probe"
  return $answer
}

need_tools() {
  local missing=()
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  command -v bwrap >/dev/null || missing+=(bubblewrap)
  if [ "$(id -u)" != 0 ] && ! command -v newuidmap >/dev/null; then missing+=(uidmap); fi
  [ ${#missing[@]} = 0 ] && return
  if [ "$(id -u)" = 0 ]; then
    step "installing ${missing[*]}" sh -c "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${missing[*]}"
  else
    die "this needs ${missing[*]}: ask the administrator to run 'apt-get install ${missing[*]}', or install libllama-dev 0.7 or newer and build natively"
  fi
}

# A mirror that is frozen has a Release file past its date; apt refuses it unless told otherwise.
apt_options=()
allow_expired() {
  local release
  release=$(mktemp)
  if /usr/lib/apt/apt-helper download-file "$1/dists/$suite/InRelease" "$release" >/dev/null 2>&1; then
    local until
    until=$(sed -n 's/^Valid-Until: //p' "$release" | head -n 1)
    if [ -n "$until" ] && [ "$(date -d "$until" +%s)" -lt "$(date +%s)" ]; then
      say "the mirror's Release file expired on $until; going on with Acquire::Check-Valid-Until=false"
      apt_options+=(--aptopt='Acquire::Check-Valid-Until "false"')
    fi
  fi
  rm -f "$release"
}

# bootstrap FOLDER [PACKAGES]: a root there, with the named packages beside what apt needs.
bootstrap() {
  local mirror_uri mode=root
  mirror_uri=$(mirror)
  mirror_uri=${mirror_uri%/}
  allow_expired "$mirror_uri"
  if [ "$(id -u)" != 0 ]; then
    mode=unshare
    unshare --user --map-root-user true 2>/dev/null ||
      die "user namespaces are forbidden here, so no private root can be made: install libllama-dev 0.7 or newer on the host and build natively (PLIMSOLL_BUILD=native)"
  fi
  mmdebstrap --mode=$mode --variant=apt "${apt_options[@]}" ${2:+--include="$2"} "$suite" "$1" "$mirror_uri"
}

make_root() {
  local building=$root.building
  remove_tree "$building"
  mkdir -p "$(dirname "$root")"
  step "making the private root (Debian $suite, once)" bootstrap "$building" "$(package_list base | paste -sd,)" || return 1
  as_root_owner sh -c "mkdir -p '$building/var/lib/plimsoll' && touch '$building/var/lib/plimsoll/set-base'"
  mv "$building" "$root"
}

run_in() {
  local folder=$1
  shift
  # shellcheck disable=SC2086 # the binds are words
  as_root_owner bwrap --bind "$folder" / --dev /dev --proc /proc --perms 1777 --tmpfs /tmp \
    --ro-bind /etc/resolv.conf /etc/resolv.conf --share-net --die-with-parent ${BINDS:-} \
    --setenv DEBIAN_FRONTEND noninteractive --setenv PATH /usr/sbin:/usr/bin:/sbin:/bin --setenv HOME /root -- "$@"
}

# As an ordinary user the root's files belong to that user's subordinate ids; only inside such a namespace may they be touched.
as_root_owner() {
  if [ "$(id -u)" = 0 ]; then "$@"; else unshare --user --map-auto --map-root-user --mount -- "$@"; fi
}
remove_tree() { [ ! -e "$1" ] || as_root_owner rm -rf --one-file-system "$1"; }

add_set() {
  local set=$1 stamp=$root/var/lib/plimsoll/set-$1
  local list
  list=$(package_list "$set")
  [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$list" ] && return
  step "adding the '$set' packages to the private root" run_in "$root" \
    sh -c "apt-get update -qq -o APT::Sandbox::User=root && apt-get install -y -qq --no-install-recommends -o APT::Sandbox::User=root $(echo $list)"
  as_root_owner sh -c "printf '%s\n' '$list' > '$stamp'"
}

ensure() {
  mkdir -p "$cache/roots"
  exec 9>"$cache/roots/.lock"
  flock 9 # two makes at once: the second waits, then finds everything done
  if [ ! -e "$root/var/lib/plimsoll/set-base" ]; then
    need_tools
    make_root
  fi
  command -v bwrap >/dev/null || need_tools
  local set
  for set in "$@"; do add_set "$set"; done
  flock -u 9
}

# bubblewrap makes them itself where it may write to the root: as root.
make_mount_points() {
  while [ $# -gt 0 ]; do
    case $1 in
      --folder) as_root_owner mkdir -p "$root$2" ;;
      --file) as_root_owner sh -c 'mkdir -p "$(dirname "$1")" && touch "$1"' sh "$root$2" ;;
    esac
    shift 2
  done
}

case ${1:-} in
  path) echo "$root" ;;
  mount-points) shift; make_mount_points "$@" ;;
  native) native ;;
  fresh) need_tools; remove_tree "$2"; step "making a root with nothing installed" bootstrap "$2" ;;
  in) shift; run_in "$@" ;;
  discard) remove_tree "$2" ;;
  ensure) shift; ensure "$@" ;;
  remove)
    for old in "$cache"/roots/*; do
      [ -d "$old" ] && step "removing $old" remove_tree "$old"
    done
    rm -rf "$cache/roots" ;;
  *) die "usage: root.sh path|mount-points|native|ensure SET...|fresh FOLDER|in FOLDER COMMAND...|discard FOLDER|remove" ;;
esac
