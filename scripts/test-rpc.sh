#!/usr/bin/env bash
# One model over several machines that are this one: RPC servers in networks of their own, one behind a slow line, one with
# little memory, one with a GPU (Mesa's, in software). Not part of `make test`: it needs root.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "$(id -u)" = 0 ] || die "make test-rpc makes networks and mounts, and needs root for it"
[ -n "${PLIMSOLL_TEST_BUILT:-}" ] || "$here/scripts/build.sh" release plimsoll
in_root=("$here/scripts/in-root" --set test --set networks --)
"${in_root[@]}" true # packages are fetched here: the network below leads nowhere
exec unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc -- \
  "${in_root[@]}" python3 "$here/tests/cluster/rpc_machines_test.py" "$here/build/release/bin/plimsoll" "$@"
