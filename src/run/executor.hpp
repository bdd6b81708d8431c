// Executor: what can answer a prompt. Each turn of a chat is one (ChatSession).
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "run/generation.hpp"

namespace plimsoll::run {

class HistoryTransform;

// One thread at a time, except where a subclass says more.
class Executor {
 public:
  virtual ~Executor() = default;

  // Answers `prompt`, which is everything from the beginning on; what of it is in memory already need not be decoded.
  // params.prompt is not looked at. Throws as Generation's constructor does.
  [[nodiscard]] virtual std::unique_ptr<Generation> answer(const std::vector<engine::Token>& prompt,
                                                           GenerationParams params) = 0;
  // The same of a prompt in pieces, media among them, of which so many cells are in memory (`same`).
  [[nodiscard]] virtual std::unique_ptr<Generation> answer(std::span<const engine::PromptChunk> prompt,
                                                           std::size_t same, GenerationParams params) = 0;
  // Its lasting conversation; null where every answer has one of its own.
  [[nodiscard]] virtual Conversation* conversation() = 0;
  // Replaces it by one that was saved. Throws as BatchedExecutor::load does, and Error{unsupported} where there is
  // none.
  virtual void restore(const SequenceSnapshot& snapshot) = 0;
  [[nodiscard]] virtual Instance& instance() = 0;
  // How a chat is written down for it: the model's own template, unless it has a form of its own.
  [[nodiscard]] virtual std::unique_ptr<HistoryTransform> history_transform() const = 0;
};

}  // namespace plimsoll::run
