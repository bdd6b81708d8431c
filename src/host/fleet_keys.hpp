// FleetKey: one API key of those who may ask, with its share and its limits: a [[key]] of a fleet file, or of a file of
// keys alone.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace plimsoll::host {

struct FleetKey {
  std::string name{};    // in metrics and logs, where the key itself never is
  std::string key{};     // what clients send; else
  std::string sha256{};  // its hash, 64 hexadecimal digits
  float weight = 1;      // its share of what several keys want
  int priority = 0;      // of its requests, which may ask for less; a higher one comes first
  // Limits; 0: none.
  std::size_t max_requests = 0;  // at once, those that wait included
  std::uint64_t requests_per_minute = 0;
  std::uint64_t tokens_per_minute = 0;  // that are computed: of prompts and answers
  friend bool operator==(const FleetKey&, const FleetKey&) = default;
};

// A TOML file of [[key]] alone. Throws Error: io, usage (all that is wrong, with lines).
[[nodiscard]] std::vector<FleetKey> read_keys_file(const std::filesystem::path& path);

}  // namespace plimsoll::host
