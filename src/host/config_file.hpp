// config_file: what is wrong with a TOML file of ours, each thing with its place.
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/error.hpp>

namespace plimsoll::host {

struct ConfigFileError {
  std::uint32_t line = 0;  // from 1
  std::uint32_t column = 0;
  std::string message;
};

// Everything that is wrong at once, in the order of places; of text that is no TOML only the first place.
template <class File>
using ParsedConfig = std::expected<File, std::vector<ConfigFileError>>;

// Error{usage}, with a line "FILE:LINE:COLUMN: sentence" for each place. `what`: "fleet file", "cluster file", ...
class WrongConfigFile : public Error {
 public:
  WrongConfigFile(std::string_view what, std::filesystem::path path, std::vector<ConfigFileError> errors);
  [[nodiscard]] const std::vector<ConfigFileError>& errors() const noexcept { return errors_; }
  [[nodiscard]] std::string place_of(std::uint32_t line, std::uint32_t column) const;  // "fleet.toml:12:1"

 private:
  std::filesystem::path path_;
  std::vector<ConfigFileError> errors_;
};

}  // namespace plimsoll::host
