# Reading the libraries' headers is most of what a source costs to compile; once is enough. Only what many sources include,
# and nothing of ours: changing a header of ours must not compile everything again.
function(plimsoll_precompile target)
  if(NOT TARGET plimsoll_pch)
    file(WRITE ${CMAKE_BINARY_DIR}/generated/pch.cpp "")
    add_library(plimsoll_pch OBJECT ${CMAKE_BINARY_DIR}/generated/pch.cpp)
    target_link_libraries(plimsoll_pch PRIVATE plimsoll_compile fmt::fmt nlohmann_json::nlohmann_json)
    target_precompile_headers(plimsoll_pch PRIVATE <fmt/format.h> <nlohmann/json.hpp> <algorithm> <chrono>
      <condition_variable> <deque> <expected> <filesystem> <fstream> <functional> <map> <memory> <mutex> <optional> <set>
      <span> <stop_token> <string> <string_view> <thread> <variant> <vector>)
    plimsoll_let_ccache_see_through(plimsoll_pch)
  endif()
  target_precompile_headers(${target} REUSE_FROM plimsoll_pch)
  plimsoll_let_ccache_see_through(${target})
endfunction()

function(plimsoll_let_ccache_see_through target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()

# plimsoll_add_part(name [DEPENDS parts...] [LIBRARIES targets...])
# One word is a folder, a namespace, a target, a test folder and a documentation page. New files are found by themselves.
function(plimsoll_add_part name)
  cmake_parse_arguments(PART "" "" "DEPENDS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(plimsoll_${name} STATIC ${sources})
  add_library(plimsoll::${name} ALIAS plimsoll_${name})
  set_target_properties(plimsoll_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(plimsoll_${name}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
           $<INSTALL_INTERFACE:include>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  list(TRANSFORM PART_DEPENDS PREPEND plimsoll::)
  target_link_libraries(plimsoll_${name} PUBLIC ${PART_DEPENDS} ${PART_LIBRARIES}
                        PRIVATE $<BUILD_INTERFACE:plimsoll_compile> ${PART_PRIVATE_LIBRARIES})
  target_compile_features(plimsoll_${name} PUBLIC cxx_std_23)
  plimsoll_precompile(plimsoll_${name})
  set_property(GLOBAL APPEND PROPERTY PLIMSOLL_PARTS plimsoll_${name})
endfunction()
