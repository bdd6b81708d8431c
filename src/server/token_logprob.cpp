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

}  // namespace plimsoll::server
