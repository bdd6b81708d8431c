#include "token_logprob.hpp"

#include <algorithm>
#include <cmath>

namespace plimsoll::server {
namespace {

double log_of(float probability) { return std::log(std::max(static_cast<double>(probability), 1e-45)); }

}  // namespace

api::TokenLogprob token_logprob(const engine::Vocab& vocab, const run::TokenOpinion& opinion) {
  const auto named = [&](const engine::TokenProbability& one) {
    return api::TokenLogprob{.text = vocab.piece(one.token, true), .logprob = log_of(one.probability), .id = one.token};
  };
  api::TokenLogprob out = named(opinion.chosen);
  for (const engine::TokenProbability& one : opinion.likeliest) out.top.push_back(named(one));
  return out;
}

api::TokenLogprob first_of_prompt(const engine::Vocab& vocab, engine::Token token) {
  return {.text = vocab.piece(token, true), .id = token, .is_first = true, .shown = vocab.piece(token, false).size()};
}

api::TokenLogprob prompt_logprob(const engine::Vocab& vocab, const run::TokenOpinion& opinion) {
  api::TokenLogprob out = token_logprob(vocab, opinion);
  out.shown = vocab.piece(opinion.chosen.token, false).size();
  return out;
}

}  // namespace plimsoll::server
