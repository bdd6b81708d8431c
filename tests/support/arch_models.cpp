#include "arch_models.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "engine/gguf_header.hpp"
#include "paths.hpp"

namespace plimsoll::test {

namespace {

std::vector<std::string> models_in(const std::filesystem::path& folder) {
  std::vector<std::string> paths;
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

}  // namespace

std::vector<std::string> arch_models() { return models_in(arch_models_path()); }
std::vector<std::string> quantized_models() { return models_in(arch_models_path("quantized")); }

std::string arch_model(std::string_view name) {
  const std::filesystem::path path = std::filesystem::path(arch_models_path()) / (std::string(name) + ".gguf");
  if (!std::filesystem::is_regular_file(path)) throw std::runtime_error("there is no test model " + path.string());
  return path.string();
}

std::string lively_model(std::string_view name) {
  const std::string path = arch_model(name);
  const std::filesystem::path folder = std::filesystem::path(arch_models_path()) / "lively";
  const std::filesystem::path copy = folder / (std::string(name) + ".gguf");
  if (std::filesystem::is_regular_file(copy)) return copy.string();
  std::filesystem::create_directories(folder);
  const std::filesystem::path unfinished = copy.string() + "." + std::to_string(getpid());  // tests run side by side
  std::filesystem::copy_file(path, unfinished, std::filesystem::copy_options::overwrite_existing);
  std::fstream file(unfinished, std::ios::binary | std::ios::in | std::ios::out);
  for (const auto& [tensor, place] : engine::read_gguf_header(path).tensors) {
    const bool factor = tensor.ends_with(".scale") || tensor.ends_with("_scale") || tensor.ends_with("norm.weight");
    if (!factor) continue;  // those are all 32-bit floats
    const std::vector<float> ones(place.bytes / sizeof(float), 1.0F);
    file.seekp(static_cast<std::streamoff>(place.offset));
    file.write(reinterpret_cast<const char*>(ones.data()), static_cast<std::streamsize>(place.bytes));
  }
  file.close();
  if (!file) throw std::runtime_error("cannot write " + unfinished.string());
  std::filesystem::rename(unfinished, copy);
  return copy.string();
}

}  // namespace plimsoll::test
