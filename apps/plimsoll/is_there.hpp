// is_there: whether a path leads to something. What may not be looked at counts as absent.
#pragma once
#include <filesystem>
#include <system_error>

namespace plimsoll::app {

[[nodiscard]] inline bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace plimsoll::app
