# How our own code is compiled: warnings, sanitizers, compiler cache.
find_program(PLIMSOLL_CCACHE ccache)
if(PLIMSOLL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PLIMSOLL_CCACHE})
endif()

# GCC looks for garbage of its own each time that its memory has doubled, and the first time goes through all that was
# precompiled. Most sources need less than 512 MiB: they are compiled without it. In KiB.
add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:--param=ggc-min-heapsize=524288>)

add_library(plimsoll_compile INTERFACE)
target_compile_options(plimsoll_compile INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety;-Werror=thread-safety>  # what `make lint` sees, and the fuzzers' build
  $<$<BOOL:${PLIMSOLL_WERROR}>:-Werror>)

if(PLIMSOLL_SANITIZE STREQUAL "address")
  set(flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(PLIMSOLL_SANITIZE STREQUAL "thread")
  set(flags -fsanitize=thread -fno-omit-frame-pointer)
elseif(PLIMSOLL_SANITIZE)
  message(FATAL_ERROR "PLIMSOLL_SANITIZE is '${PLIMSOLL_SANITIZE}'; it can be address or thread")
endif()
if(PLIMSOLL_SANITIZE)
  add_compile_options(${flags})
  add_link_options(${flags})
endif()
