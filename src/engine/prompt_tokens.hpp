// The tokens of a prompt: the model's begin token once, no end token behind it, and nothing read as structure that
// somebody only said.
#pragma once
#include <string_view>
#include <vector>

#include "engine/model.hpp"
#include "jinja/marked_text.hpp"

namespace plimsoll::engine {

// Its `input` is what messages, tools and the like have brought in.
using PromptText = jinja::MarkedText;

// What came in is text, whatever it looks like; the rest is read with its special tokens. Where nothing that came in
// looks like one, it is the engine's reading of the whole. `begins`: the model's begin token stands in front, where the
// vocabulary adds it; a text that has it already gets no second one. The vocabulary's end token would end the answer
// before it begins, so it is left out, but for models that read a text whole (encoders). Throws Error{unsupported}
// where the model has no vocabulary.
[[nodiscard]] std::vector<Token> prompt_tokens(const Model& model, const PromptText& text, bool begins = true);
// With all special tokens.
[[nodiscard]] std::vector<Token> prompt_tokens(const Model& model, std::string_view text, bool begins = true);

}  // namespace plimsoll::engine
