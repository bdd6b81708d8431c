// Reading the small text files of /proc and /sys.
#pragma once
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::device {

[[nodiscard]] inline std::optional<std::uint64_t> number_in(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + start, text.data() + text.size(), value);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

// The number behind `key` in a file of such lines: "inactive_file 4096".
[[nodiscard]] inline std::optional<std::uint64_t> number_field(const std::filesystem::path& path,
                                                               std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    if (const auto number = number_in(std::string_view(line).substr(key.size()))) return number;
  }
  return std::nullopt;
}

// "MemTotal:  25165824 kB", in bytes.
[[nodiscard]] inline std::optional<Bytes> kib_field(const std::filesystem::path& path, std::string_view key) {
  return number_field(path, key).transform([](std::uint64_t kib) { return Bytes{kib << 10}; });
}

[[nodiscard]] inline std::optional<Bytes> whole_file_bytes(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const auto value = number_in(line);  // "max" is no number: no limit
  return value ? std::optional(Bytes{*value}) : std::nullopt;
}

}  // namespace plimsoll::device
