# What the library is made of. Everything is a Debian package (scripts/packages/base.txt); nothing is vendored.
find_package(Threads REQUIRED)
include(${CMAKE_CURRENT_LIST_DIR}/OwnEngine.cmake)
find_package(llama CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(nlohmann_json_schema_validator CONFIG REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CapnProto CONFIG REQUIRED)
find_package(CURL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
# CMake 4.3 renamed the target. Asked when it is linked, so that the installed package may meet another CMake.
set(PLIMSOLL_SQLITE "$<IF:$<TARGET_EXISTS:SQLite3::SQLite3>,SQLite3::SQLite3,SQLite::SQLite3>")

if(LLAMA_VERSION VERSION_LESS 0.7.0 AND PLIMSOLL_ENGINE)
  plimsoll_engine_lacks("is llama.cpp ${LLAMA_VERSION}: Plimsoll needs 0.7.0 or newer")
elseif(LLAMA_VERSION VERSION_LESS 0.7.0)
  message(FATAL_ERROR "Plimsoll needs libllama 0.7.0 or newer; this machine has ${LLAMA_VERSION}. "
                      "`make build` builds in a private root that has it.")
endif()
if(PLIMSOLL_ENGINE AND NOT (LLAMA_SHARED_LIB AND GGML_SHARED_LIB))
  plimsoll_engine_lacks("has static libraries: build llama.cpp with -DBUILD_SHARED_LIBS=ON, so that the memory hook can stand before ggml")
endif()

# libmtmd comes with libllama and has no CMake package of its own.
include(${CMAKE_CURRENT_LIST_DIR}/FindMtmd.cmake)
