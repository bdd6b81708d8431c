// token_logprob: how likely a token was, as APIs tell it.
#pragma once
#include "api/answer.hpp"
#include "engine/vocab.hpp"
#include "run/generation.hpp"

namespace plimsoll::server {

// In the model's own opinion, with the likeliest ones beside it.
[[nodiscard]] api::TokenLogprob token_logprob(const engine::Vocab& vocab, const run::TokenOpinion& opinion);
// The first token of a prompt, of which the model has none.
[[nodiscard]] api::TokenLogprob first_of_prompt(const engine::Vocab& vocab, engine::Token token);
// Another one, in a text that does not show control tokens.
[[nodiscard]] api::TokenLogprob prompt_logprob(const engine::Vocab& vocab, const run::TokenOpinion& opinion);

}  // namespace plimsoll::server
