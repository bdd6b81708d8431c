// StatelessExecutor: each request on a sequence of its own, in a context that stays: nothing is made for a call.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "run/executor.hpp"
#include "run/history_transform.hpp"

namespace plimsoll::run {

struct StatelessOptions {
  bool apply_template = false;          // the text is a user's message in the model's own template
  std::optional<std::string> system{};  // the system message then
};

// Any thread: each call leases a sequence of the executor, decoded together with the others', or throws Error{busy}
// where none is free. The batched executor outlives it; a generation gives its sequence back when it is destroyed.
class StatelessExecutor : public Executor {
 public:
  explicit StatelessExecutor(BatchedExecutor& executor, StatelessOptions options = {});

  // params.prompt is replaced by the text. Throws as Generation's constructor does, and Error{busy}.
  [[nodiscard]] Generation infer(std::string_view text, GenerationParams params = {}) const;

  [[nodiscard]] std::unique_ptr<Generation> answer(const std::vector<engine::Token>& prompt,
                                                   GenerationParams params) override;
  [[nodiscard]] Conversation* conversation() override { return nullptr; }
  void restore(const SequenceSnapshot& snapshot) override;
  [[nodiscard]] Instance& instance() override { return executor_.instance(); }
  [[nodiscard]] std::unique_ptr<HistoryTransform> history_transform() const override;

 private:
  [[nodiscard]] engine::PromptText prompt_text(std::string_view text) const;

  BatchedExecutor& executor_;
  StatelessOptions options_;
  std::optional<TemplateTransform> template_;
};

}  // namespace plimsoll::run
