// model_file_names: which files of a folder are models, by their names.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace plimsoll::app {

// It ends in .gguf, in any case.
[[nodiscard]] bool is_gguf_name(const std::filesystem::path& path);

// A folder, and those in it that are not hidden, in the order of their names.
[[nodiscard]] std::vector<std::filesystem::path> with_subfolders(const std::filesystem::path& folder);

struct FoundModel {
  std::string path;
  std::string name;  // that of the folder in the folder, where it has no other model; empty: as its file's name says
};

// The models in a folder and in folders in it, in the order of their paths: of one in several files the first, and no
// projectors. Throws Error{usage} where there is none.
[[nodiscard]] std::vector<FoundModel> models_in(const std::string& folder);

}  // namespace plimsoll::app
