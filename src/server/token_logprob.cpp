#include "token_logprob.hpp"

#include <algorithm>
#include <cmath>

#include "engine/token_probability.hpp"

namespace plimsoll::server {
namespace {

double log_of(float probability) { return std::log(std::max(static_cast<double>(probability), 1e-45)); }

}  // namespace

api::TokenLogprob token_logprob(const engine::Vocab& vocab, std::span<const float> logits, engine::Token token,
                                std::size_t top) {
  const auto named = [&](const engine::TokenProbability& one) {
    return api::TokenLogprob{.text = vocab.piece(one.token, true), .logprob = log_of(one.probability), .id = one.token};
  };
  api::TokenLogprob out = named(engine::probability_of(logits, token));
  if (top == 0) return out;
  for (const engine::TokenProbability& one : engine::most_probable(logits, top)) out.top.push_back(named(one));
  return out;
}

}  // namespace plimsoll::server
