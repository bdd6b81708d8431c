#!/usr/bin/env bash
# The part of bundle.sh that runs inside the private root: pack-bundle.sh BUILD OUT SECONDS. The files of the archive have the
# time SECONDS.
set -euo pipefail
build=$1 out=$2 seconds=$3
libraries=/usr/lib/x86_64-linux-gnu
version=$("$build/bin/plimsoll" --version | awk '{ print $2 }')
name=plimsoll-$version-x86_64
tree=$out/$name
rm -rf "$out"
mkdir -p "$tree"/{bin,libexec,lib/glibc,lib/shared,share/licenses,share/plimsoll}

cmake --install "$build" --prefix "$out/installed/usr" --strip >/dev/null
installed=$out/installed/usr
mv "$installed/bin/plimsoll" "$tree/libexec/plimsoll"
install -s "$build/bin/plimsoll_launcher" "$tree/bin/plimsoll"
# Where the program looks for it from its folder (apps/installed_places.cpp.in).
guard=lib/plimsoll/libplimsoll-guard.so
install -D "$installed/$guard" "$tree/$guard"
mv "$installed/share/plimsoll/"* "$tree/share/plimsoll/"
mv "$installed/share"/{man,doc,bash-completion,fish,zsh} "$tree/share/"
rm -rf "$out/installed" "$tree/share/doc/plimsoll/examples"

# Packages that gave a file, for their licences.
packages=()
# take FILE FOLDER: a library with the name that it is asked for by.
take() {
  local file=$1 folder=$2
  install -D -m 644 "$(readlink -f "$file")" "$folder/$(basename "$file")"
  packages+=("$(dpkg-query --search "$(readlink -f "$file")" 2>/dev/null || dpkg-query --search "/${file#/usr/}")")
}
needed() { ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u; }

# The whole C library: what drivers ask for beside what the program does must be of the same version.
while read -r file; do
  case $file in */lib/x86_64-linux-gnu/*.so.[0-9]*) take "$file" "$tree/lib/glibc" ;; esac
done < <(dpkg-query --listfiles libc6:amd64 | grep -v '/gconv/\|/audit/')
chmod 755 "$tree"/lib/glibc/{ld-linux-x86-64.so.2,libc.so.6}

backends=$(echo "$libraries"/ggml/backends*)
for file in "$backends"/libggml-cpu-*.so "$backends"/libggml-{vulkan,rpc}.so; do take "$file" "$tree/lib"; done
# Drivers of the machine use these as well; the launcher takes the newer one.
shared=" libstdc++.so.6 libgcc_s.so.1 libgomp.so.1 libz.so.1 "
for file in $(needed "$tree/libexec/plimsoll" "$tree"/lib/*.so); do
  library=$(basename "$file")
  [ ! -e "$tree/lib/glibc/$library" ] || continue
  case $shared in
    *" $library "*) take "$file" "$tree/lib/shared/$library" ;;
    *) take "$file" "$tree/lib" ;;
  esac
done
find "$tree/lib" -type f -name '*.so*' ! -path '*/glibc/*' -exec strip --strip-unneeded {} +

mapfile -t packages < <(printf '%s\n' "${packages[@]}" | cut -d: -f1 | sort -u)
for package in "${packages[@]}"; do
  install -D -m 644 "$(readlink -f "/usr/share/doc/$package/copyright")" "$tree/share/licenses/$package/copyright"
done
cp "$tree/share/doc/plimsoll/LICENSE" "$tree/share/licenses/LICENSE"
# shellcheck disable=SC2016 # dpkg's own fields
dpkg-query --show --showformat '${binary:Package} ${Version} ${source:Package} ${source:Version}\n' "${packages[@]/%/:amd64}" \
  >"$tree/share/plimsoll/packages.txt"

cd "$out"
tar --sort=name --owner=0 --group=0 --numeric-owner --mode=go+rX,go-w --mtime="@$seconds" -c "$name" |
  xz -6 -T1 >"$name.tar.xz"
rm -rf "$tree"
