#!/usr/bin/env bash
# Slurm, HAProxy and `plimsoll serve` on three machines that are this one: each in a network of its own. Not part of
# `make test`: it needs root, and packages of its own.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "$(id -u)" = 0 ] || die "make test-cluster makes networks and mounts, and needs root for it"
[ -n "${PLIMSOLL_TEST_BUILT:-}" ] || "$here/scripts/build.sh" release plimsoll
in_root=("$here/scripts/in-root" --set test --set cluster --)
program=$here/build/release/bin/plimsoll
"${in_root[@]}" python3 "$here/tests/cluster/manifests_test.py" "$program"
"${in_root[@]}" python3 "$here/tests/cluster/broken_streams_test.py" "$program"
exec unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc -- \
  "${in_root[@]}" python3 "$here/tests/cluster/cluster_test.py" "$program" "$@"
