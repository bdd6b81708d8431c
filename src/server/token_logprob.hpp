// token_logprob: how likely a token was, as APIs tell it.
#pragma once
#include <cstddef>
#include <span>

#include "api/answer.hpp"
#include "engine/vocab.hpp"

namespace plimsoll::server {

// In the model's own opinion, [n_vocab] logits, with the `top` likeliest ones beside it.
[[nodiscard]] api::TokenLogprob token_logprob(const engine::Vocab& vocab, std::span<const float> logits,
                                              engine::Token token, std::size_t top);

}  // namespace plimsoll::server
