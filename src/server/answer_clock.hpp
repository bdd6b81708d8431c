// AnswerClock: how long one answer takes, until its first token and from there.
#pragma once
#include <chrono>
#include <optional>

#include "api/timing.hpp"

namespace plimsoll::server {

// One thread.
class AnswerClock {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  explicit AnswerClock(Moment begin) noexcept : begin_(begin), last_(begin) {}

  void token(Moment now) noexcept {
    if (!first_) first_ = now;
    last_ = now;
  }

  // `prompt`: its tokens, of which `cached` were in memory.
  [[nodiscard]] api::Timing timing(std::size_t prompt, std::size_t cached, std::size_t written) const noexcept {
    const Moment first = first_.value_or(last_);
    return {.cached = cached,
            .prompt = prompt - cached,
            .prompt_ms = ms(begin_, first),
            .written = written,
            .written_ms = ms(first, last_)};
  }

 private:
  [[nodiscard]] static double ms(Moment from, Moment to) noexcept {
    return std::chrono::duration<double, std::milli>(to - from).count();
  }

  Moment begin_;
  std::optional<Moment> first_;
  Moment last_;
};

}  // namespace plimsoll::server
