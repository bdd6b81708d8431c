// Limits: what the process of a model may take before it ends itself.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::worker {

struct Limits {
  std::optional<std::chrono::milliseconds> most_decode_time{};  // of one batch
  std::optional<Bytes> most_host_memory{};                      // pages of its own, of the whole process
  friend bool operator==(const Limits&, const Limits&) = default;
};

// As the process is told them: "--max-decode-ms 500 --max-host-bytes 1048576".
inline constexpr const char* kMostDecodeTimeFlag = "--max-decode-ms";
inline constexpr const char* kMostHostMemoryFlag = "--max-host-bytes";
[[nodiscard]] std::vector<std::string> arguments_of(const Limits& limits);

}  // namespace plimsoll::worker
