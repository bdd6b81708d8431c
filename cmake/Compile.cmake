# How our own code is compiled: warnings, sanitizers, compiler cache.
find_program(PLIMSOLL_CCACHE ccache)
if(PLIMSOLL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PLIMSOLL_CCACHE})
endif()

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
