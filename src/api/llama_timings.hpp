// llama_timings: how fast an answer came, in llama-server's words.
#pragma once
#include "api/json_text.hpp"
#include "api/timing.hpp"

namespace plimsoll::api {

// {"cache_n", "prompt_n", "prompt_ms", ...}
[[nodiscard]] inline Json llama_timings(const Timing& timing) {
  const auto each = [](double ms, std::size_t count) { return count == 0 ? 0 : ms / static_cast<double>(count); };
  const auto rate = [](double ms, std::size_t count) { return ms <= 0 ? 0 : static_cast<double>(count) * 1e3 / ms; };
  return {{"cache_n", timing.cached},
          {"prompt_n", timing.prompt},
          {"prompt_ms", timing.prompt_ms},
          {"prompt_per_token_ms", each(timing.prompt_ms, timing.prompt)},
          {"prompt_per_second", rate(timing.prompt_ms, timing.prompt)},
          {"predicted_n", timing.written},
          {"predicted_ms", timing.written_ms},
          {"predicted_per_token_ms", each(timing.written_ms, timing.written)},
          {"predicted_per_second", rate(timing.written_ms, timing.written)}};
}

}  // namespace plimsoll::api
