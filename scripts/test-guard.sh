#!/usr/bin/env bash
# `plimsoll guard` before programs that other people wrote: llama.cpp's own, C# under Mono, Python, node-llama-cpp. Not part of
# `make test`: it downloads from npm, into build/guard, once. Networks that ask for an npm registry of their own:
# COREPACK_NPM_REGISTRY, and npm's usual settings.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PLIMSOLL_WITH_TESTS=1 "$here/scripts/build.sh" release plimsoll
# The host's own certificates, since a network may have one of its own.
in_root=("$here/scripts/in-root" --set test --set clients --set guard --bind /etc/ssl/certs/ca-certificates.crt --)

packages=$here/build/guard
npm_install "$here/tests/guard/programs/node/package.json" "$packages" "${in_root[@]}"

"${in_root[@]}" python3 "$here/tests/guard/others_test.py" "$here/build/release/bin/plimsoll" "$packages" "$@"
