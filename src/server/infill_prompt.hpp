// infill_prompt: a gap between two texts as the tokens that a model for it was trained on.
#pragma once
#include <cstddef>
#include <optional>
#include <vector>

#include "api/text_request.hpp"
#include "engine/vocab.hpp"

namespace plimsoll::server {

[[nodiscard]] bool fills_gaps(const engine::Vocab& vocab);

// Files, prefix, suffix and the beginning of what fills the gap, in the order that llama-server has. `room`: tokens of
// a sequence. An answer of `answer` tokens fits behind them (empty: of a quarter of the room); of the rest the suffix
// gets a quarter, then the prefix, then the other files, each cut where it is farthest from the gap. Throws
// api::Problem 501 where the model has no tokens for it.
[[nodiscard]] std::vector<engine::Token> infill_prompt(const engine::Vocab& vocab, const api::InfillPrompt& gap,
                                                       std::size_t room, std::optional<std::int32_t> answer);

}  // namespace plimsoll::server
