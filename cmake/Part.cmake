# plimsoll_add_part(name [DEPENDS parts...] [LIBRARIES targets...])
# One word is a folder, a namespace, a target, a test folder and a documentation page. New files are found by themselves.
function(plimsoll_add_part name)
  cmake_parse_arguments(PART "" "" "DEPENDS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(plimsoll_${name} STATIC ${sources})
  add_library(plimsoll::${name} ALIAS plimsoll_${name})
  set_target_properties(plimsoll_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(plimsoll_${name}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  list(TRANSFORM PART_DEPENDS PREPEND plimsoll::)
  target_link_libraries(plimsoll_${name} PUBLIC ${PART_DEPENDS} ${PART_LIBRARIES}
                        PRIVATE $<BUILD_INTERFACE:plimsoll_compile> ${PART_PRIVATE_LIBRARIES})
  target_compile_features(plimsoll_${name} PUBLIC cxx_std_23)
  set_property(GLOBAL APPEND PROPERTY PLIMSOLL_PARTS plimsoll_${name})
endfunction()
