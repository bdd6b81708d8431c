// SamplerSnapshot: all that a sampler has become, as a value: what it was made of, what it has seen, how often it drew.
#pragma once
#include <cstdint>
#include <vector>

#include <plimsoll/engine/sampling.hpp>

namespace plimsoll::engine {

struct AcceptedToken {
  Token token = 0;
  bool sampled = false;  // false: seen only, e.g. of a prompt; the grammar does not know it
  friend bool operator==(const AcceptedToken&, const AcceptedToken&) = default;
};

// How often a link's generator was asked: engines draw or don't where one candidate is left, so those count apart.
struct Draws {
  std::uint64_t of_one = 0;
  std::uint64_t of_several = 0;
  friend bool operator==(const Draws&, const Draws&) = default;
};

struct SamplerSnapshot {
  SamplingParams params;  // with the seed that is in use
  std::vector<AcceptedToken> accepted;
  std::vector<Draws> draws;  // of each link of the chain
  friend bool operator==(const SamplerSnapshot&, const SamplerSnapshot&) = default;
};

}  // namespace plimsoll::engine
