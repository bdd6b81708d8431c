# `cmake --install`, find_package(plimsoll) and pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(parts GLOBAL PROPERTY PLIMSOLL_PARTS)
list(REMOVE_ITEM parts plimsoll_c_api)  # it is inside libplimsoll.so
install(TARGETS ${parts} plimsoll_worker_rpc plimsoll_hook plimsoll_hook_shared plimsoll_shared EXPORT plimsollTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  OBJECTS DESTINATION ${CMAKE_INSTALL_LIBDIR}/plimsoll)
install(TARGETS plimsoll RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET plimsoll_guard_preload)
  install(TARGETS plimsoll_guard_preload LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/plimsoll)
endif()
add_custom_target(plimsoll_installed DEPENDS ${parts} plimsoll_hook plimsoll_hook_shared plimsoll_shared plimsoll)
install(FILES include/plimsoll.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/plimsoll DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT plimsollTargets NAMESPACE plimsoll:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/plimsoll)

configure_package_config_file(cmake/plimsollConfig.cmake.in ${CMAKE_BINARY_DIR}/plimsollConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/plimsoll)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/plimsollConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/plimsollConfig.cmake ${CMAKE_BINARY_DIR}/plimsollConfigVersion.cmake cmake/FindMtmd.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/plimsoll)

# Relative to itself, so that `cmake --install --prefix` and a moved folder stay right.
file(RELATIVE_PATH PLIMSOLL_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(package IN ITEMS plimsoll libplimsoll)
  configure_file(cmake/${package}.pc.in ${CMAKE_BINARY_DIR}/${package}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

install(DIRECTORY models/demo DESTINATION ${CMAKE_INSTALL_DATADIR}/plimsoll/models OPTIONAL FILES_MATCHING PATTERN "*.gguf")
install(DIRECTORY contrib/vulkan DESTINATION ${CMAKE_INSTALL_DATADIR}/plimsoll)
file(GLOB man_pages CONFIGURE_DEPENDS docs/man/*.1)
install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES completions/plimsoll.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME plimsoll)
install(FILES completions/plimsoll.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES completions/_plimsoll DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES contrib/plimsoll.service DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs examples DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN docs/man EXCLUDE)
