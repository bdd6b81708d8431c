#!/bin/sh
# Installs the build into a prefix of its own and builds programs outside the tree against it, in C++ and in C, by
# find_package and by pkg-config; all must run a model with the hook in the way: install_test.sh BUILD_DIR SOURCE_DIR MODEL
set -eu
build=$1
source=$2
model=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GGML_VK_VISIBLE_DEVICES='' XDG_CACHE_HOME="$work/cache"

fail() { echo "FAILED: $*"; exit 1; }

# run NAME PROGRAM: it says that the hook is in the way, and text comes out.
run() {
  status=0
  "$2" "$model" >"$work/out" 2>"$work/err" || status=$?
  [ "$status" = 0 ] || { cat "$work/err"; fail "$1: exit status $status"; }
  grep -qx 'tracker: enforcing' "$work/err" || { cat "$work/err"; fail "$1: the hook is not in the way"; }
  [ -s "$work/out" ] || fail "$1: no text came out"
  echo "$1: enforcing, $(wc -c <"$work/out") bytes of text"
}

cmake --install "$build" --prefix "$work/made" >"$work/log" || { cat "$work/log"; fail "cmake --install"; }
mv "$work/made" "$work/prefix" # an installed folder may be moved

cat >"$work/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C CXX)
find_package(llama CONFIG REQUIRED)
find_package(plimsoll CONFIG REQUIRED)
add_subdirectory($source/examples/ten_lines ten_lines)
# The worst order: the engine's libraries before ours.
add_executable(engine_first \$<TARGET_OBJECTS:ten_lines>)
target_link_libraries(engine_first PRIVATE ggml::ggml-base llama plimsoll::plimsoll)
add_executable(in_c $source/examples/c/main.c)
target_link_libraries(in_c PRIVATE plimsoll::c)
EOF
cmake -S "$work" -B "$work/by_cmake" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" \
  >"$work/log" 2>&1 || { cat "$work/log"; fail "find_package(plimsoll)"; }
cmake --build "$work/by_cmake" >>"$work/log" 2>&1 || { cat "$work/log"; fail "building against it"; }
if grep -q 'CMake .*Warning' "$work/log"; then cat "$work/log"; fail "find_package(plimsoll) warns"; fi
run find_package "$work/by_cmake/ten_lines/ten_lines"
run 'find_package, engine first' "$work/by_cmake/engine_first"
run 'find_package in C' "$work/by_cmake/in_c"

PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name plimsoll.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # the flags are words
c++ -std=c++23 -c "$source/examples/ten_lines/main.cpp" -o "$work/main.o" $(pkg-config --cflags plimsoll) || fail "pkg-config --cflags"
for static in '' --static; do
  # shellcheck disable=SC2046,SC2086
  c++ "$work/main.o" -o "$work/by_pkg_config" $(pkg-config --libs $static plimsoll) || fail "pkg-config --libs $static"
  run "pkg-config --libs $static" "$work/by_pkg_config"
done

# shellcheck disable=SC2046
cc "$source/examples/c/main.c" -o "$work/in_c" $(pkg-config --cflags --libs libplimsoll) || fail "pkg-config libplimsoll"
LD_LIBRARY_PATH=$(pkg-config --variable=libdir libplimsoll) run 'pkg-config in C' "$work/in_c"
# The engine's libraries first on the link line: ours is before libggml-base all the same.
# shellcheck disable=SC2046
cc "$source/examples/c/main.c" -o "$work/in_c" -Wl,--no-as-needed -lllama $(pkg-config --cflags --libs libplimsoll) || fail "behind libllama"
LD_LIBRARY_PATH=$(pkg-config --variable=libdir libplimsoll) run 'pkg-config in C, behind libllama' "$work/in_c"

# Every part that the library stands on is named: a program may need any of them.
for archive in "$work"/prefix/lib*/libplimsoll_*.a "$work"/prefix/lib*/*/libplimsoll_*.a; do
  part=$(basename "$archive" .a)
  # Those of the program alone; they would link their libraries into every program.
  case $part in libplimsoll_\* | libplimsoll_tui | libplimsoll_server | libplimsoll_api | libplimsoll_guard | libplimsoll_remote) continue ;; esac
  case " $(pkg-config --libs --static plimsoll) " in
  *[-,]l"${part#lib}"[\ ,]*) ;;
  *) fail "pkg-config --libs does not name $part" ;;
  esac
done

"$work/prefix/bin/plimsoll" doctor | grep -x 'tracker: enforcing' || fail "the installed program"
for file in share/man/man1/plimsoll.1 share/bash-completion/completions/plimsoll share/zsh/site-functions/_plimsoll \
  share/doc/plimsoll/docs/from_llamasharp.md share/doc/plimsoll/examples/ten_lines/main.cpp; do
  [ -s "$work/prefix/$file" ] || fail "$file is not installed"
done
