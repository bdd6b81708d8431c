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

namespace {

std::vector<std::string> files_in(const std::filesystem::path& folder) {
  std::vector<std::string> found;
  std::error_code error;  // one that nobody may look into has none
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->is_regular_file(error) && is_a_model(at->path())) found.push_back(at->path().string());
  }
  return found;
}

}  // namespace

std::vector<std::filesystem::path> with_subfolders(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const bool is_hidden = at->path().filename().string().starts_with('.');
    if (!is_hidden && at->is_directory(error)) out.push_back(at->path());
  }
  std::ranges::sort(out);
  out.insert(out.begin(), folder);
  return out;
}

std::vector<FoundModel> models_in(const std::string& folder) {
  std::vector<FoundModel> found;
  for (const std::filesystem::path& one : with_subfolders(folder)) {
    const std::vector<std::string> files = files_in(one);
    const bool names_it = files.size() == 1 && one != folder;
    for (const std::string& file : files)
      found.push_back({.path = file, .name = names_it ? one.filename().string() : std::string()});
  }
  std::ranges::sort(found, {}, &FoundModel::path);
  if (found.empty()) throw Error(ErrorCode::usage, fmt::format("the folder '{}' has no model (*.gguf)", folder));
  return found;
}

}  // namespace plimsoll::app
