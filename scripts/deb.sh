#!/usr/bin/env bash
# Debian packages of this checkout, in build/deb: what `make build` builds, packed by debian/rules, looked through by lintian.
# The tree of the package has debian/ alone; the rest it reads from the checkout.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build_to_pack

out=$here/build/deb
rm -rf "$out"
mkdir -p "$out/plimsoll"
cp -r "$here/debian" "$out/plimsoll/"
in_root=("$here/scripts/in-root" --set deb --)
pack() {
  cd "$out/plimsoll"
  "${in_root[@]}" env PLIMSOLL_SOURCE="$here" PLIMSOLL_BUILT="$here/build/release" SOURCE_DATE_EPOCH="$(last_change)" \
    dpkg-buildpackage --build=binary --no-sign
}
step "packing" pack
rm -rf "$out/plimsoll"
cd "$out"
"${in_root[@]}" lintian --fail-on error --suppress-tags bogus-mail-host ./*.changes >&2
ls ./*.deb
