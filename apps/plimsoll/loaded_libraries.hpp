// loaded_libraries: where this process has its C library, C++ library and engine from.
#pragma once
#include <string>

namespace plimsoll::app {

struct LoadedLibraries {
  std::string c_version;  // "2.43"
  std::string c;          // files
  std::string cpp;
  std::string llama;
  std::string ggml;
  std::string backends;  // folder; empty: inside the engine, or where it looks by itself
  bool bundle = false;   // the program was started by a bundle's launcher
};
[[nodiscard]] LoadedLibraries loaded_libraries();

}  // namespace plimsoll::app
