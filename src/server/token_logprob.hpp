// token_logprob: how likely a token was, as APIs tell it.
#pragma once
#include "api/answer.hpp"
#include "engine/vocab.hpp"
#include "run/generation.hpp"

namespace plimsoll::server {

// In the model's own opinion, with the likeliest ones beside it.
[[nodiscard]] api::TokenLogprob token_logprob(const engine::Vocab& vocab, const run::TokenOpinion& opinion);

}  // namespace plimsoll::server
