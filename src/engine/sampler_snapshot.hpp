// SamplerSnapshot: all that a sampler has become, as a value: what it was made of, what it has seen, what it averages.
#pragma once
#include <vector>

#include <plimsoll/engine/sampling.hpp>

namespace plimsoll::engine {

struct AcceptedToken {
  Token token = 0;
  bool sampled = false;  // false: seen only, e.g. of a prompt; the grammar does not know it
  friend bool operator==(const AcceptedToken&, const AcceptedToken&) = default;
};

struct SamplerSnapshot {
  SamplingParams params;  // with the seed that is in use
  std::vector<AcceptedToken> accepted;
  std::vector<float> averages{};  // see Sampler::averages()
  friend bool operator==(const SamplerSnapshot&, const SamplerSnapshot&) = default;
};

}  // namespace plimsoll::engine
