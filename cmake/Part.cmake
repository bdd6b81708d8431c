# Reading the libraries' headers is most of what a source costs to compile; once is enough. Only what most sources of a part
# include, and nothing of ours: changing a header of ours must not compile everything again. What a source does not use costs
# it time, too: the compiler goes through all that was precompiled, and instantiates in each source what the headers' own inline
# functions call. Of the JSON library that is its whole parser, so parts with JSON in most of their sources have a header of
# their own (WITH_JSON), and the others' sources read that library where they need it.
function(plimsoll_precompile target)
  cmake_parse_arguments(PRECOMPILE "WITH_JSON" "" "" ${ARGN})
  set(precompiled plimsoll_pch)
  set(libraries fmt::fmt)
  set(headers <fmt/format.h> <algorithm> <chrono> <condition_variable> <deque> <expected> <filesystem> <fstream> <functional> <map>
    <memory> <mutex> <optional> <set> <span> <stop_token> <string> <string_view> <thread> <variant> <vector>)
  if(PRECOMPILE_WITH_JSON)
    set(precompiled plimsoll_pch_with_json)
    list(APPEND libraries nlohmann_json::nlohmann_json)
    list(APPEND headers <nlohmann/json.hpp>)
  endif()
  if(NOT TARGET ${precompiled})
    file(WRITE ${CMAKE_BINARY_DIR}/generated/pch.cpp "")
    add_library(${precompiled} OBJECT ${CMAKE_BINARY_DIR}/generated/pch.cpp)
    target_link_libraries(${precompiled} PRIVATE plimsoll_compile ${libraries})
    target_precompile_headers(${precompiled} PRIVATE ${headers})
    plimsoll_let_ccache_see_through(${precompiled})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${precompiled})
  plimsoll_let_ccache_see_through(${target})
endfunction()

function(plimsoll_let_ccache_see_through target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()

# plimsoll_add_part(name [WITH_JSON] [DEPENDS parts...] [LIBRARIES targets...])
# One word is a folder, a namespace, a target, a test folder and a documentation page. New files are found by themselves.
function(plimsoll_add_part name)
  cmake_parse_arguments(PART "WITH_JSON" "" "DEPENDS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
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
  plimsoll_compile_in_units(plimsoll_${name})
  if(PART_WITH_JSON)
    plimsoll_precompile(plimsoll_${name} WITH_JSON)
  else()
    plimsoll_precompile(plimsoll_${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY PLIMSOLL_PARTS plimsoll_${name})
endfunction()
