// PartialSampling: some of the parameters of sampling, to be laid over others: a model file's own, over them those of
// who runs it, over them a request's.
#pragma once
#include <set>
#include <string>

#include <plimsoll/engine/sampling.hpp>

namespace plimsoll::engine {

struct PartialSampling {
  SamplingParams params{};
  std::set<std::string> given{};  // llama-server's names: "temperature", "repeat_penalty". What differs from the stock
                                  // value counts as given all the same.
  friend bool operator==(const PartialSampling&, const PartialSampling&) = default;
};

// Biases add up; of everything else the upper one's counts where it is given.
[[nodiscard]] SamplingParams laid_over(SamplingParams below, const PartialSampling& above);

}  // namespace plimsoll::engine
