#include "arch_models.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

namespace plimsoll::test {

std::vector<std::string> arch_models() {
  std::vector<std::string> paths;
  const std::filesystem::path folder(PLIMSOLL_TEST_MODELS_DIR);
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".gguf") paths.push_back(entry.path().string());
    }
  }
  if (paths.empty()) {
    throw std::runtime_error("no models in " + folder.string() + ": run the ctest fixture arch_models first");
  }
  std::ranges::sort(paths);
  return paths;
}

std::string arch_model(std::string_view name) {
  const std::filesystem::path path = std::filesystem::path(PLIMSOLL_TEST_MODELS_DIR) / (std::string(name) + ".gguf");
  if (!std::filesystem::is_regular_file(path)) throw std::runtime_error("there is no test model " + path.string());
  return path.string();
}

}  // namespace plimsoll::test
