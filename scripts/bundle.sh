#!/usr/bin/env bash
# One archive that runs on other machines, in build/bundle: the program, the engine with all of its backends, its C library,
# and a launcher. docs/install.md says what is where, docs/decisions/0046-bundle.md why. The archive of a checkout is the same
# each time it is made of the same packages.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build_to_pack plimsoll_launcher
step "packing" "$here/scripts/in-root" --set bundle -- "$here/scripts/pack-bundle.sh" "$here/build/release" "$here/build/bundle" "$(last_change)"
ls "$here"/build/bundle/*.tar.xz
