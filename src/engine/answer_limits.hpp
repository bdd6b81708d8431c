// answer_limits: links of a sampler chain that hold an answer's end back, or a thought's length down.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "engine/model.hpp"
#include "engine/own_sampler.hpp"

namespace plimsoll::engine {

// Only what is chosen is of the answer. The model outlives both.

// Forbids every token that ends a generation until the answer has so many.
[[nodiscard]] std::unique_ptr<OwnSampler> make_least_tokens(const Model& model, std::uint32_t tokens);

struct ThoughtLimit {
  std::int32_t tokens = 0;
  std::string begin{};
  std::string end{};
  bool is_open = false;  // the prompt ends inside of a thought
};
// Once the thought at an answer's beginning is as long as that, only the tokens of its end can be chosen, one after the
// other. Throws Error{unsupported} where the model has no vocabulary.
[[nodiscard]] std::unique_ptr<OwnSampler> make_thought_limit(const Model& model, const ThoughtLimit& limit);

}  // namespace plimsoll::engine
