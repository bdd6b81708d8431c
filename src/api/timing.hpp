// Timing: how many tokens of one answer were read and written, and how long both took. A plain value.
#pragma once
#include <cstddef>

namespace plimsoll::api {

struct Timing {
  std::size_t cached = 0;   // tokens of the prompt that were in memory
  std::size_t prompt = 0;   // tokens of the prompt that were computed
  double prompt_ms = 0;     // until the first token of the answer
  std::size_t written = 0;  // tokens of the answer
  double written_ms = 0;    // from its first token to its last

  Timing& operator+=(const Timing& other) noexcept {
    cached += other.cached;
    prompt += other.prompt;
    prompt_ms += other.prompt_ms;
    written += other.written;
    written_ms += other.written_ms;
    return *this;
  }
};

}  // namespace plimsoll::api
