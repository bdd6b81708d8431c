// InstructExecutor: one conversation of instructions and answers, each between a prefix and a suffix.
#pragma once
#include "run/history_transform.hpp"
#include "run/interactive_executor.hpp"

namespace plimsoll::run {

// As InteractiveExecutor, except: every text is written between the format's prefix and suffix; a model that begins the
// next instruction itself is stopped; its own end stays in the conversation, as it was trained on.
class InstructExecutor : public InteractiveExecutor {
 public:
  explicit InstructExecutor(BatchedExecutor& executor, InstructFormat format = {});

  // What stands before the first instruction, as it is; decoded with the next call. Throws Error{usage} once something
  // was said.
  void preamble(std::string_view text);
  [[nodiscard]] Generation infer(std::string_view instruction, GenerationParams params = {});

  [[nodiscard]] std::unique_ptr<HistoryTransform> history_transform() const override;

 private:
  InstructFormat format_;
};

}  // namespace plimsoll::run
