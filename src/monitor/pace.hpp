// Pace: how fast a model answers now, of samples one after the other.
#pragma once
#include <chrono>
#include <optional>
#include <string>

#include <plimsoll/monitor/sample.hpp>

namespace plimsoll::monitor {

// Empty: the samples do not tell it. A plain value.
struct Pace {
  std::optional<double> tokens_per_second;         // of answers
  std::optional<double> prompt_tokens_per_second;  // of prompts that were computed
  std::optional<double> first_token_ms;            // mean, from request to first token, waiting included
  friend bool operator==(const Pace&, const Pace&) = default;
};

// Rates are those between the first two samples that lie this far apart, so that one beat does not make them jump.
inline constexpr std::chrono::seconds kRateOver{2};
// First tokens come seldom: the mean is over these of the last minute.
inline constexpr std::chrono::seconds kFirstTokensOver{60};

// Where either has no such model, or the counts of the later one are smaller, all is empty.
[[nodiscard]] Pace rates_between(const Sample& before, const Sample& after, const std::string& model);
[[nodiscard]] std::optional<double> mean_first_token_ms(const Sample& before, const Sample& after,
                                                        const std::string& model);

}  // namespace plimsoll::monitor
