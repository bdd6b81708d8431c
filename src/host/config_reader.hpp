// config_reader: the text of a TOML file of ours becomes a value, or everything that is wrong with it.
#pragma once

#include <toml++/toml.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/text_file.hpp"
#include "host/config_file.hpp"

namespace plimsoll::host {

// Collects what is wrong, with its place.
class Complaints {
 public:
  void at(const toml::source_region& place, std::string message) {
    list.push_back({.line = place.begin.line, .column = place.begin.column, .message = std::move(message)});
  }
  std::vector<ConfigFileError> list;
};

// `read` makes the value of the root table; what it complains about goes into its second argument.
template <class Read>
auto parse_config(std::string_view text, Read read)
    -> ParsedConfig<std::invoke_result_t<Read&, const toml::table&, Complaints&>> {
  Complaints complaints;
  try {
    auto file = read(toml::parse(text), complaints);
    if (complaints.list.empty()) return file;
  } catch (const toml::parse_error& error) {
    complaints.at(error.source(), std::string(error.description()));
  }
  std::ranges::stable_sort(complaints.list, {},
                           [](const ConfigFileError& error) { return std::pair(error.line, error.column); });
  return std::unexpected(std::move(complaints.list));
}

// `parse` takes the text, and the folder where relative paths begin. Throws WrongConfigFile of `what` (usage),
// Error{io} where the file cannot be read.
template <class Parse>
auto read_config(std::string_view what, const std::filesystem::path& path, Parse parse) {
  const std::string text = read_text_file(path.string(), what, ErrorCode::io);
  auto file = parse(text, path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
  if (!file) throw WrongConfigFile(what, path, std::move(file.error()));
  return *std::move(file);
}

}  // namespace plimsoll::host
