// InteractiveExecutor: one conversation that goes on from call to call.
#pragma once
#include "run/executor.hpp"

namespace plimsoll::run {

// Holds one sequence of the batched executor, which outlives it, for as long as it lives. One thread at a time.
//
// What was generated stays in the conversation, whether it was read to its end, stopped by a stop string or cancelled.
class InteractiveExecutor : public Executor {
 public:
  explicit InteractiveExecutor(BatchedExecutor& executor);

  [[nodiscard]] std::unique_ptr<Generation> answer(const std::vector<engine::Token>& prompt,
                                                   GenerationParams params) override;
  [[nodiscard]] std::unique_ptr<Generation> answer(std::span<const engine::PromptChunk> prompt, std::size_t same,
                                                   GenerationParams params) override;
  [[nodiscard]] Conversation* conversation() override { return &conversation_; }
  void restore(const SequenceSnapshot& snapshot) override;
  [[nodiscard]] Instance& instance() override { return executor_.instance(); }
  [[nodiscard]] std::unique_ptr<HistoryTransform> history_transform() const override;

 private:
  void require_capacity(std::size_t tokens) const;

  BatchedExecutor& executor_;
  Conversation conversation_;
};

}  // namespace plimsoll::run
