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

# Sources of one target compiled several at a time. Most of what a source costs is the headers: those of the libraries, and what
# GCC does with a precompiled one. Names in an anonymous namespace meet those of the other sources: where two are the same, one of
# them is renamed, or the source is compiled by itself (SKIP_UNITY_BUILD_INCLUSION).
function(plimsoll_compile_in_units target)
  cmake_parse_arguments(UNITS "" "AT_A_TIME" "" ${ARGN})
  if(NOT UNITS_AT_A_TIME)
    set(UNITS_AT_A_TIME 8)
  endif()
  # Paths within a unit are those within the checkout, so that the compiler cache knows it in another one.
  set_target_properties(${target} PROPERTIES
    UNITY_BUILD ${PLIMSOLL_UNITY} UNITY_BUILD_BATCH_SIZE ${UNITS_AT_A_TIME} UNITY_BUILD_RELOCATABLE ON)
  target_include_directories(${target} PRIVATE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  # A class of a source may hold what stands in its anonymous namespace; within a unit GCC takes the source for a header.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND PLIMSOLL_UNITY)
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()
