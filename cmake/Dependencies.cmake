# What the library is made of. Everything is a Debian package (scripts/packages/base.txt); nothing is vendored.
find_package(Threads REQUIRED)
find_package(llama CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
if(NOT TARGET SQLite::SQLite3)  # CMake 4.3 renamed the target
  add_library(SQLite::SQLite3 ALIAS SQLite3::SQLite3)
endif()

if(LLAMA_VERSION VERSION_LESS 0.7.0)
  message(FATAL_ERROR "Plimsoll needs libllama 0.7.0 or newer; this machine has ${LLAMA_VERSION}. "
                      "`make build` builds in a private root that has it.")
endif()
