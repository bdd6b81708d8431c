// The flags that name and place models, and what every subcommand needs beside them.
#include "options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <plimsoll/base/error.hpp>
#include "base/own_program.hpp"
#include "base/parse_number.hpp"

#include "installed_places.hpp"
#include "model_file_names.hpp"

namespace plimsoll::app {

void usage_error(const std::string& message) { throw Error(ErrorCode::usage, message); }

std::int32_t number_given(const char* flag, const std::string& text) {
  const auto number = parse_number<std::int32_t>(text);
  if (!number) usage_error(fmt::format("{} does not know '{}'; it takes a number", flag, text));
  return *number;
}

void add_json(CLI::App& command, GlobalOptions& options) {
  command.add_flag("--json", options.json, "One JSON object on stdout instead of text");
}

std::vector<std::string> ModelOptions::all(const std::string& flag) const {
  const auto found = given.find(flag);
  return found == given.end() ? std::vector<std::string>{} : found->second;
}

namespace {

// Our parser takes one dash for one letter alone: with_long_names() turns -ngl into --gpu-layers before it looks.
bool is_alias(std::string_view flag) { return !flag.starts_with("--") && flag.size() > 2; }

std::string parsed_names(const options::Option& option) {
  std::vector<std::string> names = option.flags;
  std::erase_if(names, is_alias);
  return fmt::format("{}", fmt::join(names, ","));
}

std::string help(const options::Option& option) {
  std::string text = options::without_markup(option.text);
  if (const auto alias = std::ranges::find_if(option.flags, is_alias); alias != option.flags.end()) {
    text = *alias + ": " + text;
  } else {
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  }
  return option.by_default.empty() ? text : text + " (default: " + options::without_markup(option.by_default) + ")";
}

CLI::Option* described(CLI::Option* added, const options::Option& option) {
  static constexpr const char* kGroups[]{"Model", "Context", "Budgets", "Draft"};
  added->description(help(option))->envname(option.env())->group(kGroups[static_cast<std::size_t>(option.group)]);
  if (!option.value.empty()) added->type_name(option.value);
  return added;
}

}  // namespace

void add_option(CLI::App& command, ModelOptions& o, const options::Option& option) {
  std::vector<std::string>& values = o.given[option.long_flag()];
  const std::string names = parsed_names(option);
  if (option.kind == options::Kind::flag) {
    const auto set = [&values](std::int64_t times) {
      if (times > 0) values = {"true"};
    };
    described(command.add_flag_function(names, set), option);
    return;
  }
  CLI::Option* added = described(command.add_option(names, values), option);
  if (option.repeats) {
    added->take_all();
  } else {
    added->expected(1 + static_cast<int>(std::ranges::count(option.value, ' ')));  // "START END"
  }
  added->allow_extra_args(false);
}

void add_model_options(CLI::App& command, ModelOptions& o) {
  o.command = &command;
  for (const options::Option& option : options::all_options()) {
    if (!option.flags.empty() && option.group != options::Group::draft) add_option(command, o, option);
  }
}

void add_model_files(CLI::App& command, ModelOptions& o) {
  const auto take = [&o](const std::vector<std::string>& files) {
    for (const std::string& file : files) {
      if (!is_gguf_name(file))
        usage_error(fmt::format("'{}' is no model's file (.gguf), and stands behind no flag", file));
      o.given["--model"].push_back(file);
    }
  };
  command.add_option_function<std::vector<std::string>>("gguf", take, "Models' files (.gguf), as with --model");
}

void add_draft_options(CLI::App& command, DraftOptions& o) {
  const auto add = [&](const char* flag, auto& value) {
    const options::Option option = options::option_of_flag(flag);
    described(command.add_option(parsed_names(option), value), option);
  };
  add("--model-draft", o.model);
  add("--gpu-layers-draft", o.gpu_layers);
  add("--draft-max", o.most);
  add("--draft-p-min", o.least_probability);
}

std::vector<std::string> with_long_names(int argc, char** argv) {
  return with_long_names(std::vector<std::string>(argv + 1, argv + argc));
}

std::vector<std::string> with_long_names(std::vector<std::string> arguments) {
  std::map<std::string, std::string> names{{"-jf", "--json-schema-file"}};
  for (const options::Option& option : options::all_options()) {
    for (const std::string& flag : option.flags) {
      if (is_alias(flag)) names[flag] = option.long_flag();
    }
  }
  for (std::string& argument : arguments) {
    if (const auto found = names.find(argument); found != names.end()) argument = found->second;
  }
  return arguments;
}

std::vector<std::string> demo_models() {
  std::vector<std::string> folders;
  if (const char* folder = std::getenv("PLIMSOLL_DEMO_MODELS")) folders.emplace_back(folder);
  folders.push_back(place_of(program_path(), kInstalledModels, "models/demo").string());
  for (const std::string& folder : folders) {
    std::vector<std::string> models;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".gguf") models.push_back(entry.path());
    }
    std::ranges::sort(models);
    if (!models.empty()) return models;
  }
  throw Error(ErrorCode::io, "no model was named, and the demo models are not installed; name one with --model");
}

std::string program_path() { return own_program(); }

}  // namespace plimsoll::app
