// TokenTimes: when the tokens of one request came.
#pragma once
#include <chrono>
#include <optional>

#include "base/histogram.hpp"

namespace plimsoll::server {

// One thread. A token costs an addition: no lock, and nothing of the heap.
class TokenTimes {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  explicit TokenTimes(Moment asked) noexcept : asked_(asked) {}
  [[nodiscard]] static TokenTimes none() noexcept {
    return TokenTimes(Moment{});
  }  // of what is answered without tokens

  // When an answer's last token came; empty: it has none yet, and no time between tokens lies before its first.
  using LastToken = std::optional<Moment>;
  void token(LastToken& last, Moment now) noexcept {
    if (!first_) first_ = seconds(asked_, now);
    if (last) between_.add(seconds(*last, now));
    last = now;
  }

  // Seconds from the request to the first token of all; empty: there was none.
  [[nodiscard]] std::optional<double> first() const noexcept { return first_; }
  // Seconds from each token to the next one of its answer.
  [[nodiscard]] const Histogram& between() const noexcept { return between_; }

 private:
  [[nodiscard]] static double seconds(Moment from, Moment to) noexcept {
    return std::chrono::duration<double>(to - from).count();
  }

  Moment asked_;
  std::optional<double> first_;
  Histogram between_{kUpToAMinute};
};

}  // namespace plimsoll::server
