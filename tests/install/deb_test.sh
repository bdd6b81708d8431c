#!/usr/bin/env bash
# The packages of build/deb in a testing root of their own: deb_test.sh. An older version is installed and served as its unit
# says; then it is upgraded, tried by debian/tests under autopkgtest, and purged: nothing may be left.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
debs=$here/build/deb
root=$cache/roots/deb-test
archives=$cache/archives # what apt fetched before
mkdir -p "$archives/partial" "$(dirname "$root")"
trap '"$here/scripts/root.sh" discard "$root"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
inside() {
  BINDS="--ro-bind $debs /debs --ro-bind $here/debian /source/debian --bind $archives /var/cache/apt/archives" \
    "$here/scripts/root.sh" in "$root" "$@"
}
# install PACKAGE|FILE...
install() { inside apt-get install -y -qq --no-install-recommends -o APT::Sandbox::User=root -o APT::Keep-Downloaded-Packages=true "$@"; }
[ "$(find "$debs" -name '*.deb' | wc -l)" = 4 ] || fail "there are not four packages in $debs: make deb"

"$here/scripts/root.sh" fresh "$root"
step "reading the archive's lists" inside apt-get update -qq -o APT::Sandbox::User=root
step "installing what the tests need" install autopkgtest curl python3 systemd ca-certificates

# The same packages with an older version's number stand for an older version.
make_older() {
  inside sh -eu -c 'mkdir -p /older && cd /older && for deb in /debs/*.deb; do
    dpkg-deb --raw-extract "$deb" tree
    sed -i "s/^Version: .*/Version: 0.1.9/; s/(= [^)]*)/(= 0.1.9)/g" tree/DEBIAN/control
    dpkg-deb --root-owner-group -Zxz -z0 --build tree "$(basename "$deb" | sed "s/_[^_]*_/_0.1.9_/")" >/dev/null
    rm -r tree
  done'
}
step "making packages of an older version" make_older
step "installing them" install /older/plimsoll_0.1.9_amd64.deb /older/plimsoll-guard_0.1.9_amd64.deb \
  /older/libplimsoll0_0.1.9_amd64.deb
inside rm -r /older
inside sh -c 'test ! -e /etc/systemd/system/multi-user.target.wants/plimsoll.service' || fail "it is enabled without a fleet"
inside env PLIMSOLL_TEST_KEEPS=1 python3 /source/debian/tests/service || fail "the older version as a service"
inside sh -c 'echo "# mine" >>/etc/plimsoll/fleet.toml'

upgrade() { inside sh -c 'apt-get install -y -qq --no-install-recommends -o APT::Sandbox::User=root /debs/*.deb'; }
step "upgrading" upgrade
inside sh -c 'test "$(dpkg-query --show --showformat "\${Version}" plimsoll)" = "$(dpkg-deb --field /debs/plimsoll_*.deb Version)"' ||
  fail "the upgrade did not arrive"
inside grep -qx '# mine' /etc/plimsoll/fleet.toml || fail "the upgrade lost the fleet"

status=0
inside sh -c 'cp -r /source /tmp/source && cd /tmp && autopkgtest --no-built-binaries /debs/*.deb /tmp/source -- null' ||
  status=$?
# 2: a test was skipped; it says which, and none may be.
[ "$status" = 0 ] || fail "autopkgtest ends with $status"

inside apt-get purge -y -qq plimsoll plimsoll-guard libplimsoll0 libplimsoll-dev >/dev/null
left=$(inside find / -xdev -iname '*plimsoll*' ! -path '/debs*' ! -path '/source*' ! -path '/proc/*' ! -path '/tmp/*' \
  ! -path '/var/cache/apt/*' ! -path '/var/lib/plimsoll')
named=$(inside grep -rl plimsoll /etc /var/lib/systemd /var/lib/dpkg/status /var/lib/dpkg/info /var/spool 2>/dev/null || true)
[ -z "$left$named" ] || fail "left behind: $left $named"
echo "packages: installed, served, upgraded, tried by autopkgtest, purged; nothing is left"
