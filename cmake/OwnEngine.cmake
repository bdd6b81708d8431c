# PLIMSOLL_ENGINE: the prefix of a llama.cpp of one's own, as its `cmake --install` writes it. What it lacks is said here, in a
# sentence; a system's engine beside it is not looked at, so that no two are mixed.
set(PLIMSOLL_ENGINE "" CACHE PATH "Prefix of the llama.cpp to build against (cmake --install --prefix); empty: the system's")
if(NOT PLIMSOLL_ENGINE)
  return()
endif()

function(plimsoll_engine_lacks what)
  message(FATAL_ERROR "PLIMSOLL_ENGINE is '${PLIMSOLL_ENGINE}', which ${what}")
endfunction()

# Its CMake package of that name, or what is to be done.
function(plimsoll_find_in_engine package advice)
  file(GLOB found ${PLIMSOLL_ENGINE}/lib*/cmake/${package}/${package}-config.cmake
    ${PLIMSOLL_ENGINE}/lib/*/cmake/${package}/${package}-config.cmake)
  if(NOT found)
    plimsoll_engine_lacks("has no ${package}-config.cmake below lib/cmake/${package}: ${advice}")
  endif()
  list(GET found 0 first)
  get_filename_component(folder ${first} DIRECTORY)
  set(${package}_DIR ${folder} CACHE PATH "" FORCE)
endfunction()

if(NOT IS_DIRECTORY ${PLIMSOLL_ENGINE})
  plimsoll_engine_lacks("is no folder")
endif()
plimsoll_find_in_engine(llama "name the prefix that `cmake --install BUILD --prefix PREFIX` of llama.cpp wrote")
plimsoll_find_in_engine(ggml "install the ggml that this llama was built with into the same prefix")
file(GLOB mtmd ${PLIMSOLL_ENGINE}/include/mtmd-helper.h)
if(NOT mtmd)
  plimsoll_engine_lacks("has no include/mtmd-helper.h: build llama.cpp with -DLLAMA_BUILD_TOOLS=ON, which libmtmd is one of")
endif()
# The programs are to find it where it lies, installed too.
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
