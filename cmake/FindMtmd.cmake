# plimsoll::mtmd: the engine's library for pictures and sounds. Used by the build and by the installed package.
if(NOT TARGET plimsoll::mtmd)
  # Of the same engine: one of the system's beside another llama would be mixed with it.
  find_path(MTMD_INCLUDE mtmd-helper.h PATHS ${LLAMA_INCLUDE_DIR} NO_DEFAULT_PATH REQUIRED)
  find_library(MTMD_LIBRARY mtmd PATHS ${LLAMA_LIB_DIR} NO_DEFAULT_PATH REQUIRED)
  mark_as_advanced(MTMD_INCLUDE MTMD_LIBRARY)
  add_library(plimsoll::mtmd UNKNOWN IMPORTED)
  set_target_properties(plimsoll::mtmd PROPERTIES IMPORTED_LOCATION ${MTMD_LIBRARY} INTERFACE_LINK_LIBRARIES llama
    INTERFACE_INCLUDE_DIRECTORIES ${MTMD_INCLUDE} INTERFACE_COMPILE_DEFINITIONS LLAMA_SHARED)
endif()
