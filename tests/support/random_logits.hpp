// random_logits: a model's answers without a model: for what samplers do with them.
#pragma once
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "engine/sampler.hpp"

namespace plimsoll::test {

// The same for the same step and the same tokens so far, as a model's would be.
inline std::vector<float> random_logits(std::size_t n_vocab, std::span<const engine::Token> so_far,
                                        std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  for (const engine::Token token : so_far) random.seed(random() ^ (static_cast<std::uint32_t>(token) * 2654435761U));
  std::normal_distribution<float> distribution(0, 3);
  std::vector<float> logits(n_vocab);
  for (float& logit : logits) logit = distribution(random);
  return logits;
}

// `steps` choices, appended to `tokens`, each from the logits that the tokens before it give.
inline void sample_on(engine::Sampler& sampler, std::size_t n_vocab, std::size_t steps,
                      std::vector<engine::Token>& tokens) {
  for (std::size_t i = 0; i < steps; ++i) tokens.push_back(sampler.sample(random_logits(n_vocab, tokens)));
}

}  // namespace plimsoll::test
