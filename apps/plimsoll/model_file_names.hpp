// model_file_names: which files of a folder are models, by their names.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace plimsoll::app {

// It ends in .gguf, in any case.
[[nodiscard]] bool is_gguf_name(const std::filesystem::path& path);

// The models in a folder, in the order of their names: of one in several files the first, and no projectors. Throws
// Error{usage} where there is none.
[[nodiscard]] std::vector<std::string> models_in(const std::string& folder);

}  // namespace plimsoll::app
