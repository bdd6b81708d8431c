#include "host/config_file.hpp"

#include <fmt/format.h>

#include <utility>

namespace plimsoll::host {
namespace {

std::string all_of(std::string_view what, const std::filesystem::path& path,
                   const std::vector<ConfigFileError>& errors) {
  std::string all =
      fmt::format("{} thing{} wrong with this {}", errors.size(), errors.size() == 1 ? " is" : "s are", what);
  for (const ConfigFileError& error : errors)
    all += fmt::format("\n  {}:{}:{}: {}", path.string(), error.line, error.column, error.message);
  return all;
}

}  // namespace

WrongConfigFile::WrongConfigFile(std::string_view what, std::filesystem::path path, std::vector<ConfigFileError> errors)
    : Error(ErrorCode::usage, all_of(what, path, errors), {{"errors", errors.size()}}),
      path_(std::move(path)),
      errors_(std::move(errors)) {}

std::string WrongConfigFile::place_of(std::uint32_t line, std::uint32_t column) const {
  return fmt::format("{}:{}:{}", path_.filename().string(), line, column);
}

}  // namespace plimsoll::host
