// RestartRule: when a process that has died is started again. Pure.
#pragma once
#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace plimsoll::worker {

// One thread.
class RestartRule {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMostDeaths = 5;
  static constexpr std::chrono::minutes kWindow{10};

  // `most_deaths` within the window, and it is given up; 0: it never is.
  explicit RestartRule(std::size_t most_deaths = kMostDeaths) : most_deaths_(most_deaths) {}

  // It has died. How long to wait before it is started again: 0, 1, 5, 30 s, one step further with each death in a row.
  // A life in which an answer came to its end ends the row. Empty: it is given up.
  [[nodiscard]] std::optional<std::chrono::seconds> died(Time now, bool did_its_work);
  [[nodiscard]] std::size_t deaths() const noexcept { return deaths_.size(); }  // within the window

 private:
  std::size_t most_deaths_;
  std::size_t in_a_row_ = 0;
  std::vector<Time> deaths_;  // within the window, rising
};

}  // namespace plimsoll::worker
