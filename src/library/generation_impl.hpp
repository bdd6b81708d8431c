// Generation::Impl: one answer on its way, by whatever makes it: the model alone, with a draft, or a chat's turn.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/conversation.hpp>
#include <plimsoll/generation.hpp>
#include "run/generation.hpp"

namespace plimsoll {

struct Generation::Impl {
  virtual ~Impl() = default;
  [[nodiscard]] virtual std::optional<std::string> next() = 0;
  [[nodiscard]] virtual run::FinishReason finish_reason() const = 0;
  [[nodiscard]] virtual run::GenerationTiming timing() const = 0;
  [[nodiscard]] virtual const std::vector<Token>& tokens() const = 0;
  [[nodiscard]] virtual const std::string& stop_string() const = 0;
};

namespace library {

// For an answer of this conversation, which outlives it.
[[nodiscard]] run::GenerationParams params_of(const GenerationOptions& options, const run::Conversation& of);
[[nodiscard]] GenerationTiming timing_of(const run::GenerationTiming& timing);

// Appends the prompt and generates. Throws Error{usage} where another generation is under way.
[[nodiscard]] Generation begin(std::shared_ptr<Conversation::State> conversation, std::vector<Token> prompt,
                               GenerationOptions options);

}  // namespace library
}  // namespace plimsoll
