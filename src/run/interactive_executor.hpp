// InteractiveExecutor: one conversation that goes on from call to call.
#pragma once
#include <string_view>

#include "engine/prompt_tokens.hpp"
#include "run/executor.hpp"

namespace plimsoll::run {

// Holds one sequence of the batched executor, which outlives it, for as long as it lives. One thread at a time.
//
// The first text gets the model's own begin token, later ones are read as they are: what stands between the turns is
// the text's. The model's own end ends a turn and leaves no trace in the conversation. What was generated stays in it,
// whether it was read to its end, stopped by a stop string or cancelled.
class InteractiveExecutor : public Executor {
 public:
  explicit InteractiveExecutor(BatchedExecutor& executor);

  // Appends the text and answers; params.prompt is replaced. One generation at a time.
  [[nodiscard]] Generation infer(std::string_view text, GenerationParams params = {});
  [[nodiscard]] Generation infer(const engine::PromptText& text, GenerationParams params = {});
  // Goes on without a new text. Throws Error{usage} where nothing was said yet.
  [[nodiscard]] Generation resume(GenerationParams params = {});
  // Appends the text and decodes it; nothing is generated. Not ok: cancelled, or what infer() answers. The rest waits.
  [[nodiscard]] engine::DecodeStatus prefill(std::string_view text, std::stop_token stop = {});

  [[nodiscard]] std::unique_ptr<Generation> answer(const std::vector<engine::Token>& prompt,
                                                   GenerationParams params) override;
  [[nodiscard]] Conversation* conversation() override { return &conversation_; }
  void restore(const SequenceSnapshot& snapshot) override;
  [[nodiscard]] Instance& instance() override { return executor_.instance(); }
  [[nodiscard]] std::unique_ptr<HistoryTransform> history_transform() const override;

 private:
  [[nodiscard]] std::vector<engine::Token> tokens_of(std::string_view text) const;

  BatchedExecutor& executor_;
  Conversation conversation_;
};

}  // namespace plimsoll::run
