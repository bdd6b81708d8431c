#include "model_file_names.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "base/lower_case.hpp"

namespace plimsoll::app {
namespace {

// Of a model in several files the first stands for all; projectors are no models.
bool is_a_model(const std::filesystem::path& path) {
  const std::string name = lower_case(path.filename().string());
  if (!is_gguf_name(path) || name.starts_with("mmproj")) return false;
  const std::size_t of = name.rfind("-of-");
  return of == std::string::npos || of < 5 || name.substr(of - 5, 5) == "00001";
}

}  // namespace

bool is_gguf_name(const std::filesystem::path& path) { return lower_case(path.extension().string()) == ".gguf"; }

std::vector<std::string> models_in(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file() && is_a_model(entry.path())) found.push_back(entry.path().string());
  }
  std::ranges::sort(found);
  if (found.empty()) throw Error(ErrorCode::usage, fmt::format("the folder '{}' has no model (*.gguf)", folder));
  return found;
}

}  // namespace plimsoll::app
