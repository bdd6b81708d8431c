#!/bin/sh
# plimsoll.h compiles without a warning as C11, C17 and C23, as C++11 to C++23, and where pointers have 32 bits:
# header_test.sh CC CXX HEADER
set -eu
cc=$1
cxx=$2
header=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
include=$(dirname "$header")

# Twice, and every function used as what it is declared as.
{
  printf '#include <plimsoll.h>\n#include <plimsoll.h>\n'
  printf 'typedef void (*any)(void);\nextern any all[];\nany all[] = {\n'
  sed -n 's/^PLIMSOLL_\(API\|CHECKED\) [^(]*\(plimsoll_[a-z_]*\)(.*/  (any)\2,/p' "$header"
  printf '};\n'
  printf 'int init(void);\nint init(void) {\n  plimsoll_model_options options;\n'
  printf '  return plimsoll_model_options_init(&options, sizeof options) != NULL;\n}\n'
} >"$work/all.c"
[ "$(grep -c '(any)' "$work/all.c")" -gt 100 ] || { echo "too few functions were found"; exit 1; }

for standard in c11 c17 c23; do
  "$cc" -std=$standard -Wall -Wextra -Wstrict-prototypes -Wcast-function-type -pedantic -Werror -Wno-cast-function-type \
    -I"$include" -c "$work/all.c" -o "$work/all.o"
done
cp "$work/all.c" "$work/all.cpp"
for standard in c++11 c++17 c++23; do
  "$cxx" -std=$standard -Wall -Wextra -pedantic -Werror -Wno-cast-function-type -I"$include" -c "$work/all.cpp" -o "$work/all.o"
done
# No C library of 32 bits is needed for that: the compiler's own headers do.
"$cc" -m32 -ffreestanding -std=c11 -Wall -Wextra -pedantic -Werror -Wno-cast-function-type -I"$include" -fsyntax-only "$work/all.c"

# Enumerators and macros with a number have the number that they had.
numbers=$(dirname "$0")/numbers.c
"$cc" -std=c11 -Wall -Wextra -pedantic -Werror -I"$include" -fsyntax-only "$numbers"
for name in $(grep -o '\bPLIMSOLL_[A-Z_]* = ' "$header" | cut -d' ' -f1) PLIMSOLL_RANDOM_SEED; do
  grep -q "($name ==" "$numbers" || { echo "$name is not in $numbers"; exit 1; }
done

# Members lie where they are declared, without gaps that a binding would have to know of.
{ printf '#include <plimsoll.h>\n'; sed -n '/^typedef struct plimsoll_[a-z_]* {/,/^}/p' "$header" |
  sed -n 's/^} \(plimsoll_[a-z_]*\);/\1 of_\1;/p'; } >"$work/gaps.c"
[ "$(grep -c ' of_' "$work/gaps.c")" -ge 12 ] || { echo "too few structs were found"; exit 1; }
"$cc" -std=c11 -Wpadded -Werror -I"$include" -c "$work/gaps.c" -o "$work/gaps.o"
echo "$(grep -c '(any)' "$work/all.c") functions and $(grep -c ' of_' "$work/gaps.c") structs"
