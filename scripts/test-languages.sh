#!/usr/bin/env bash
# The C interface from C# under Mono and from JavaScript with koffi. Not part of `make test`: Mono is large, and koffi is
# downloaded from npm, into build/languages, once.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$here/scripts/build.sh" release plimsoll_shared
# The host's own certificates, since a network may have one of its own.
in_root=("$here/scripts/in-root" --set languages --bind /etc/ssl/certs/ca-certificates.crt --)
npm_install "$here/examples/node/package.json" "$here/build/languages" "${in_root[@]}"

"${in_root[@]}" python3 "$here/tests/c_api/languages/run.py" "$here" "$@"
