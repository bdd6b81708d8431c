// IgnoredFields: which fields of requests were ignored since the server began: for the log and for /metrics.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace plimsoll::server {

// Any thread.
class IgnoredFields {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Counts them; gives those that are to be told now: each name once a minute at most.
  [[nodiscard]] std::vector<std::string> note(const std::vector<std::string>& names, Time now);
  // As Prometheus' text.
  [[nodiscard]] std::string to_prometheus() const;

  static constexpr std::size_t kMost = 128;  // names, which are strangers' words; the rest are "other"
  static constexpr std::chrono::seconds kBetween{60};

 private:
  struct Field {
    std::uint64_t count = 0;
    Time told{};
  };
  mutable std::mutex mutex_;
  std::map<std::string, Field> fields_;
};

}  // namespace plimsoll::server
