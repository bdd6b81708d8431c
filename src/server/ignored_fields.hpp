// IgnoredFields: strangers' words that were met since the server began, such as the fields of requests that were
// ignored: for the log and for /metrics.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/mutex.hpp"

namespace plimsoll::server {

// Any thread.
class IgnoredFields {
 public:
  // As a metric: its name, its help, the label that the words are under.
  explicit IgnoredFields(const char* family = "plimsoll_ignored_fields_total",
                         const char* help = "Fields of requests that were ignored, by name.",
                         const char* label = "field")
      : family_(family), help_(help), label_(label) {}

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
  const char* family_;
  const char* help_;
  const char* label_;
  mutable Mutex mutex_;
  std::map<std::string, Field> fields_ PLIMSOLL_GUARDED_BY(mutex_);
};

}  // namespace plimsoll::server
