#!/usr/bin/env bash
# The build against a llama.cpp of one's own: engine_test.sh. The prefix is one copied out of the private root; what may be wrong
# with a prefix is tried with copies that lack it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
work=$here/build/engine-test
prefix=$work/prefix
rm -rf "$work/prefix" "$work/broken" "$work/configured"
mkdir -p "$work"
fail() { echo "FAILED: $*"; exit 1; }
in_root=("$here/scripts/in-root" --set test --)

"${in_root[@]}" sh -eu -c '
  from=/usr/lib/x86_64-linux-gnu to=$1/lib
  mkdir -p "$1/include" "$to/cmake" "$1/bin"
  cp /usr/include/llama*.h /usr/include/ggml*.h /usr/include/gguf.h /usr/include/mtmd*.h "$1/include/"
  cp -a "$from"/libllama.so* "$from"/libggml*.so* "$from"/libmtmd.so* "$to/"
  cp "$from"/ggml/backends*/libggml-cpu-*.so "$1/bin/"
  cp -r "$from/cmake/llama" "$from/cmake/ggml" "$to/cmake/"
  sed -i "s,/lib/x86_64-linux-gnu,/lib,; s,/\.\./\.\./\.\./\.\./,/../../../," "$to"/cmake/*/*-config.cmake' sh "$prefix"

# refused NAME SENTENCE CHANGE...: a copy of the prefix with the change is refused by that sentence.
refused() {
  local name=$1 sentence=$2
  shift 2
  rm -rf "$work/broken" "$work/configured"
  cp -r "$prefix" "$work/broken"
  (cd "$work/broken" && "$@")
  if "${in_root[@]}" cmake -S "$here" -B "$work/configured" -G Ninja -DPLIMSOLL_ENGINE="$work/broken" -DPLIMSOLL_TESTS=OFF \
    >"$work/log" 2>&1; then
    fail "$name: it is taken"
  fi
  tr -s ' \n' ' ' <"$work/log" | grep -qF -- "$sentence" || { cat "$work/log"; fail "$name: not said"; }
  echo "$name: refused"
}
refused "an empty folder" "has no llama-config.cmake below lib/cmake/llama" rm -rf lib include bin
refused "no folder" "is no folder" rm -rf "$work/broken"
refused "no ggml" "has no ggml-config.cmake below lib/cmake/ggml" rm -rf lib/cmake/ggml
refused "no libmtmd" "LLAMA_BUILD_TOOLS=ON" sh -c 'rm include/mtmd*.h'
refused "an older llama.cpp" "is llama.cpp 0.0.6102: Plimsoll needs 0.7.0 or newer" \
  sed -i 's/^set(LLAMA_VERSION .*/set(LLAMA_VERSION 0.0.6102)/' lib/cmake/llama/llama-config.cmake
refused "static libraries" "-DBUILD_SHARED_LIBS=ON" sed -i 's/^set(LLAMA_SHARED_LIB .*/set(LLAMA_SHARED_LIB OFF)/' lib/cmake/llama/llama-config.cmake

# A checkout of its own, so that this one's build stays with the system's engine.
checkout=$work/checkout
mkdir -p "$checkout"
(cd "$here" && git ls-files -co --exclude-standard -z | xargs -0 -I{} sh -c '[ ! -e "$1" ] || printf "%s\0" "$1"' sh {} |
  tar --null -cf - -T -) | tar -C "$checkout" -xf -
build() { PLIMSOLL_ENGINE=$prefix make -C "$checkout" build; }
build
# Without the variable it stays with its engine.
"$checkout/plimsoll" doctor | tee "$work/doctor"
grep -q "^engine: $prefix/lib/libllama.so[^ ]*, backends from $prefix/bin$" "$work/doctor" || fail "another engine was loaded"
grep -qx 'tracker: enforcing' "$work/doctor" || fail "the hook is not in the way"
text=$("$checkout/plimsoll" generate -m "$here/models/demo/bosun-log.gguf" --device none -c 512 -p 'Day 12.' -n 20 --temp 0)
[ -n "$text" ] || fail "no text came out"
# Installed, it finds the engine where it lies.
"$checkout/scripts/in-root" -- cmake --install "$checkout/build/release" --prefix "$work/installed" >/dev/null
"$checkout/scripts/in-root" -- "$work/installed/bin/plimsoll" doctor | grep -q "^engine: $prefix/lib/" || fail "the installed program has another engine"
# And back.
if [ -n "${PLIMSOLL_TEST_ENGINE_BACK:-}" ]; then
  PLIMSOLL_ENGINE='' make -C "$checkout" build
  "$checkout/plimsoll" doctor | grep -q '^engine: /usr/lib/' || fail "it does not come back to the system's engine"
fi
rm -rf "$checkout" "$work/installed" "$work/broken" "$work/configured"
echo "engine: built against a prefix, run with its libraries; six others are refused with a sentence"
