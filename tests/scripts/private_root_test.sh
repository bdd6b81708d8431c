#!/usr/bin/env bash
# Inside the private root paths mean what they mean on the host: private_root_test.sh PROGRAM MODEL. Run outside of it, by
# scripts/test.sh. As root it tries folders that it makes in /srv and beside the host's top-level folders, as root and as an
# ordinary user; else those of the user.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=$1
model=$(realpath "$2")
if "$here/scripts/root.sh" native; then
  echo "Absent: the private root's tests: this host builds natively, so there is none"
  exit 0
fi

made=()
trap 'rm -rf "${made[@]}"' EXIT
failures=0
cases=0

# inside FOLDER NAME COMMAND...: from FOLDER; its output shows where it fails.
inside() {
  local folder=$1 name=$2 output
  shift 2
  cases=$((cases + 1))
  if ! output=$(cd "$folder" && XDG_CONFIG_HOME=$folder/config "${as[@]}" "$here/scripts/in-root" -- "$@" 2>&1); then
    printf 'FAILED: %s, from %s, as %s\n%s\n' "$name" "$folder" "${as[*]:-myself}" "$output"
    failures=$((failures + 1))
  fi
}
plan() { inside "$1" "$2" "$program" plan --device none -c 256 -t 1 "${@:3}"; }

# every_form FOLDER: models in FOLDER, asked for in each way that a path can be said.
every_form() {
  local data=$1 from=$1/here/deeper
  mkdir -p "$from" "$data/models"
  cp "$model" "$data/models/a.gguf"
  ln -sf "$data/models/a.gguf" "$from/link.gguf"
  ln -sfn "$data/models" "$from/folder"
  ln -sf ../../models/a.gguf "$from/relative.gguf"
  printf '[[model]]\nname = "a"\npath = "%s"\ndevice = "none"\nctx-size = 256\n' "$data/models/a.gguf" >"$from/fleet.toml"
  chmod -R a+rX "$data"
  plan "$from" "an absolute path" -m "$data/models/a.gguf"
  plan "$from" "a path to above the working folder" -m ../../models/a.gguf
  plan "$from" "a link" -m link.gguf
  plan "$from" "a relative link" -m relative.gguf
  plan "$from" "a path through a link" -m folder/a.gguf
  inside "$from" "a fleet file" "$program" plan fleet.toml
  inside "$from" "a file that is written" cp "$data/models/a.gguf" "$from/written.gguf"
  [ -e "$from/written.gguf" ] || { echo "FAILED: what was written in $from is not there"; failures=$((failures + 1)); }
  rm -f "$from/written.gguf"
}

places=("$(mktemp -d)")
made+=("${places[0]}")
if [ "$(id -u)" = 0 ]; then
  for place in /srv / /var/lib /var; do
    places+=("$(mktemp -d -p "$place" plimsoll-test.XXXXXX)")
    made+=("${places[-1]}")
  done
fi
as=()
for place in "${places[@]}"; do every_form "$place"; done
inside "$here" "the working folder is the host's" test -e scripts/in-root
inside "$here" "nothing is written where it would be lost" sh -c '! touch /plimsoll-lost 2>/dev/null'
inside "$here" "the system is the root's" sh -c '. /etc/os-release && test "$ID" = debian && test -e /var/lib/plimsoll/set-base'

# Root who is nobody special: the user's way through bubblewrap, with namespaces of its own.
if [ "$(id -u)" = 0 ] && unshare --user --map-user=1000 --map-group=1000 true 2>/dev/null; then
  as=(unshare --user --map-user=1000 --map-group=1000)
  for place in "${places[@]}"; do every_form "$place"; done
fi
[ "$failures" = 0 ] || exit 1
echo "private root: $cases ways to say a path, all as on the host"
