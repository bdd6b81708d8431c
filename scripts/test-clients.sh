#!/usr/bin/env bash
# Clients that other people wrote, and a browser, against a real server. Not part of `make test`: it downloads from npm, into
# build/clients, once.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$here/scripts/build.sh" release plimsoll
# The host's own certificates, since a network may have one of its own.
in_root=("$here/scripts/in-root" --set browser --set clients --bind /etc/ssl/certs/ca-certificates.crt --)

npm_install "$here/tests/server/clients/package.json" "$here/build/clients" "${in_root[@]}"

"${in_root[@]}" python3 "$here/tests/server/clients/run.py" "$here/build/release/bin/plimsoll" "$@"
