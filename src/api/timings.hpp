// Timings: how many tokens of an answer were read and written, and how long both took, in llama-server's terms. A plain
// value.
#pragma once
#include <cstddef>
#include <optional>

namespace plimsoll::api {

struct Timings {
  std::size_t cached = 0;  // tokens of the prompt that were in memory; they are not among `prompt`
  std::size_t prompt = 0;
  double prompt_ms = 0;
  std::size_t predicted = 0;  // tokens of the answer
  double predicted_ms = 0;
  std::optional<std::size_t> drafted{};  // empty: there is no draft
  std::size_t accepted = 0;              // of those
  friend bool operator==(const Timings&, const Timings&) = default;

  Timings& operator+=(const Timings& other) noexcept {
    cached += other.cached;
    prompt += other.prompt;
    prompt_ms += other.prompt_ms;
    predicted += other.predicted;
    predicted_ms += other.predicted_ms;
    if (other.drafted) drafted = drafted.value_or(0) + *other.drafted;
    accepted += other.accepted;
    return *this;
  }
};

}  // namespace plimsoll::api
