#!/usr/bin/env bash
# The archive of build/bundle where it is to run: bundle_test.sh. On this host, outside the private root; in folders with names
# that are hard; read-only; in a root with nothing in it at all; and beside a C library that is newer than its own.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
archive=$(echo "$here"/build/bundle/plimsoll-*.tar.xz)
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
cache_home=${XDG_CACHE_HOME:-$HOME/.cache}
export XDG_CACHE_HOME=$work/cache XDG_CONFIG_HOME=$work/config GGML_VK_VISIBLE_DEVICES='' PLIMSOLL_BROKER=off
fail() { echo "FAILED: $*"; exit 1; }
most=$((64 * 1024 * 1024))

size=$(stat -c %s "$archive")
[ "$size" -le "$most" ] || fail "the archive has $size bytes, and may have $most"
mkdir "$work/a folder"
tar -C "$work/a folder" -xf "$archive"
bundle=$(echo "$work/a folder"/plimsoll-*)
program=$bundle/bin/plimsoll
model=$bundle/share/plimsoll/models/demo/bosun-log.gguf
on_cpu=(--device none -c 512 -t 1)

# Nothing of it names this machine, and each library that it has is one of a package whose licence is there.
! grep -rlF "$here" "$bundle" || fail "files name the checkout"
for variant in x64 haswell zen4 sapphirerapids; do
  [ -e "$bundle/lib/libggml-cpu-$variant.so" ] || fail "the CPU variant $variant is missing"
done
for backend in vulkan rpc; do
  [ -e "$bundle/lib/libggml-$backend.so" ] || fail "the backend $backend is missing"
done
for file in libc6 libllama0 libggml0 libstdc++6 libssl3t64; do
  [ -s "$bundle/share/licenses/$file/copyright" ] || fail "the licence of $file is missing"
done

# try NAME COMMAND...: the main job with this program; a loop of the commands that a user types first.
try() {
  local name=$1
  shift
  "$@" doctor >"$work/doctor" 2>&1 || { cat "$work/doctor"; fail "$name: doctor"; }
  grep -qx 'tracker: enforcing' "$work/doctor" || { cat "$work/doctor"; fail "$name: the hook is not in the way"; }
  for backend in CPU RPC; do
    grep -q "^backends: .*\b$backend\b" "$work/doctor" || { cat "$work/doctor"; fail "$name: no backend $backend"; }
  done
  "$@" plan -m "$model" "${on_cpu[@]}" >"$work/plan" 2>&1 || { cat "$work/plan"; fail "$name: plan"; }
  grep -q 'Verdict: fits' "$work/plan" || fail "$name: the plan does not fit"
  "$@" generate -m "$model" "${on_cpu[@]}" -p 'Day 12.' -n 20 --temp 0 >"$work/out" 2>"$work/err" ||
    { cat "$work/err"; fail "$name: generate"; }
  [ -s "$work/out" ] || fail "$name: no text came out"
  echo "$name: $(grep '^bundle:' "$work/doctor" | sed "s,$bundle/,,g")"
}

try "this host ($(. /etc/os-release && echo "$PRETTY_NAME"))" "$program"
mkdir -p "$work/bin"
ln -s "$program" "$work/bin/plimsoll"
(cd / && PATH=$work/bin:$PATH try "by a link in PATH" plimsoll)
first=$(cat "$work/out")

# The server answers, is called plimsoll, and ends when asked.
env --default-signal=TERM "$program" serve "$model" --port 0 "${on_cpu[@]}" >"$work/served" 2>"$work/log" &
server=$!
for _ in $(seq 600); do
  address=$(sed -n 's/.*\(http:[^ ]*:[0-9]*\)$/\1/p' "$work/served")
  [ -n "$address" ] || ! kill -0 "$server" 2>/dev/null && break
  sleep 0.1
done
[ -n "$address" ] || { cat "$work/served" "$work/log"; fail "no server"; }
answer=$(curl -sf "$address/v1/completions" -d '{"prompt": "Day 12.", "max_tokens": 20, "temperature": 0}') || fail "no answer"
grep -q '"text"' <<<"$answer" || fail "the answer has no text: $answer"
[ "$(cat "/proc/$server/comm")" = plimsoll ] || fail "the process is called $(cat "/proc/$server/comm")"
kill "$server"
wait "$server" || fail "the server ended with $?"
server=
echo "serve: answers, and ends when asked"

# A program of the host under the bundle's guard: the library is loaded by the host's own C library.
"$program" guard --quiet -- grep -q libplimsoll-guard /proc/self/maps || fail "guard on this host"
[ -z "$("$program" guard --quiet -- env | grep -E "^LD_LIBRARY_PATH=|$bundle/lib/glibc")" ] || fail "the guard's program has the bundle's folders"
echo "guard: the host's grep is loaded with it"

# A graphics driver of this host's system, with what it needs from there, in the bundle's process.
mkdir "$work/mesa"
if (cd "$work/mesa" && apt-get download mesa-vulkan-drivers >/dev/null 2>&1 && dpkg-deb --extract ./*.deb .) && [ "$(uname -m)" = x86_64 ]; then
  sed -i 's,"/usr/lib/x86_64-linux-gnu/,",' "$work"/mesa/usr/share/vulkan/icd.d/*.json
  GGML_VK_VISIBLE_DEVICES=0 VK_ADD_DRIVER_FILES=$work/mesa/usr/share/vulkan/icd.d LD_LIBRARY_PATH=$work/mesa/usr/lib/x86_64-linux-gnu \
    "$program" doctor >"$work/doctor" 2>&1 || { cat "$work/doctor"; fail "doctor with this host's driver"; }
  grep '^device Vulkan0: llvmpipe' "$work/doctor" || { cat "$work/doctor"; fail "this host's driver is not used"; }
else
  echo "Absent: a driver of this host's system: apt has no mesa-vulkan-drivers to give here"
fi

# Folders with hard names, and one that cannot be written.
for name in 'ä ö%$' "quote's"; do
  mkdir -p "$work/$name"
  cp -r "$bundle" "$work/$name/p"
  [ "$("$work/$name/p/bin/plimsoll" generate -m "$model" "${on_cpu[@]}" -p 'Day 12.' -n 20 --temp 0 2>/dev/null)" = "$first" ] ||
    fail "in the folder '$name'"
  rm -rf "${work:?}/$name"
done
mkdir "$work/co:lon"
cp -r "$bundle" "$work/co:lon/p"
"$work/co:lon/p/bin/plimsoll" --version >"$work/out" 2>&1 && fail "a colon is taken"
grep -q 'has a colon in its name' "$work/out" || fail "a colon is not said: $(cat "$work/out")"
rm -rf "$work/co:lon"
echo "folders: blanks, umlauts, signs; a colon is said"

# A root with nothing in it: no C library, no shell, no certificates, no /tmp.
empty=(bwrap --unshare-all --ro-bind "$bundle" /plimsoll --ro-bind "$model" /model.gguf --proc /proc --dev /dev --clearenv --chdir /)
model=/model.gguf try "a root with nothing installed" "${empty[@]}" /plimsoll/bin/plimsoll
"${empty[@]}" /plimsoll/bin/plimsoll plan https://localhost:9/model.gguf >"$work/out" 2>&1 && fail "there is no network"
grep -q 'cannot be read' "$work/out" || { cat "$work/out"; fail "the network's absence is not said"; }

# Host libraries that are newer: the C library's copy here stands for one that defines a version more, which is written into a
# copy of the private root's. The launcher must take the machine's loader and C library, all of them, and leave its own.
XDG_CACHE_HOME=$cache_home "$here/scripts/in-root" -- python3 "$here/tests/install/newer_library.py" /usr/lib/x86_64-linux-gnu "$work/newer" "$bundle"
newer=(bwrap --unshare-all --ro-bind "$bundle" /plimsoll --ro-bind "$model" /model.gguf --proc /proc --dev /dev --clearenv
  --ro-bind "$work/newer" /usr/lib/x86_64-linux-gnu --ro-bind "$work/newer" /lib64 --chdir /)
model=/model.gguf try "a machine with a newer C library" "${newer[@]}" /plimsoll/bin/plimsoll
grep -q '^bundle: C library .*(/usr/lib/x86_64-linux-gnu/libc.so.6), C++ library /usr/lib/x86_64-linux-gnu/libstdc++' "$work/doctor" ||
  { cat "$work/doctor"; fail "the newer libraries are not taken"; }
echo "bundle: $((size / 1024 / 1024)) MiB; runs here, where nothing is installed, and beside newer libraries"
