// models_ini: llama-server's file of models (--models-preset): a section for each, whose keys are flags without dashes.
#pragma once
#include <CLI/CLI.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::app {

struct IniModel {
  std::string name;
  std::vector<std::pair<std::string, std::string>> keys;  // those of [*] among them, where it has no such key itself
  bool load_on_startup = false;
};

// In the file's order. Throws Error{usage}: a line that is none, a key in front of the first section.
[[nodiscard]] std::vector<IniModel> parse_models_ini(std::string_view text);
// Throws likewise, with the file's name in front, and Error{io} where it cannot be read.
[[nodiscard]] std::vector<IniModel> read_models_ini(const std::filesystem::path& file);
[[nodiscard]] bool is_models_ini(const std::filesystem::path& file);  // by its name

// The model's keys as arguments of `serve`, in llama-server's words; "false" is the flag with "no-" before it, or none.
// Throws Error{usage} for a key that is no flag.
[[nodiscard]] std::vector<std::string> arguments_of(const IniModel& model, const CLI::App& serve);

}  // namespace plimsoll::app
