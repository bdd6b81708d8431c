// TokenProbability: a token with how likely it is, for those who want to see more than the choice.
#pragma once
#include <span>
#include <vector>

#include "engine/vocab.hpp"

namespace plimsoll::engine {

struct TokenProbability {
  Token token = 0;
  float logit = 0;
  float probability = 0;  // 0 to 1
  friend bool operator==(const TokenProbability&, const TokenProbability&) = default;
};

// The model's own opinion, before any sampler: the n likeliest, falling. [n_vocab] logits.
[[nodiscard]] std::vector<TokenProbability> most_probable(std::span<const float> logits, std::size_t n);
// The same of one token. Throws Error{usage} where there is no such token.
[[nodiscard]] TokenProbability probability_of(std::span<const float> logits, Token token);

// The same of what is left of the tokens; those at -infinity are not listed.
[[nodiscard]] std::vector<TokenProbability> most_probable(std::span<const llama_token_data> candidates, std::size_t n);

}  // namespace plimsoll::engine
