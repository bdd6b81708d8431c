#!/usr/bin/env bash
# Clients that other people wrote, and a browser, against a real server. Not part of `make test`: it downloads from npm, into
# build/clients, once. Networks that ask for an npm registry of their own: COREPACK_NPM_REGISTRY, and npm's usual settings.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$here/scripts/build.sh" release plimsoll
# The host's own certificates, since a network may have one of its own.
in_root=("$here/scripts/in-root" --set browser --set clients --bind /etc/ssl/certs/ca-certificates.crt --)

packages=$here/build/clients
wanted=$here/tests/server/clients/package.json
install_packages() {
  mkdir -p "$packages"
  cp "$wanted" "$packages/package.json"
  COREPACK_HOME=$packages/corepack COREPACK_ENABLE_DOWNLOAD_PROMPT=0 "${in_root[@]}" sh -c '
    cd "$1"
    command -v corepack >/dev/null && set -- corepack npm || set -- npm
    exec "$@" install --no-package-lock --ignore-scripts --no-audit --no-fund' sh "$packages" || return 1
  cp "$wanted" "$packages/installed.json"
}
cmp -s "$wanted" "$packages/installed.json" || step "fetching the clients from npm" install_packages

"${in_root[@]}" python3 "$here/tests/server/clients/run.py" "$here/build/release/bin/plimsoll" "$@"
