#include "run/instruct_executor.hpp"

#include <plimsoll/base/error.hpp>

namespace plimsoll::run {

InstructExecutor::InstructExecutor(BatchedExecutor& executor, InstructFormat format)
    : InteractiveExecutor(executor), format_(std::move(format)) {}

void InstructExecutor::preamble(std::string_view text) {
  if (conversation()->size() > 0) throw Error(ErrorCode::usage, "a preamble stands before everything else");
  conversation()->prompt(text);
}

Generation InstructExecutor::infer(std::string_view instruction, GenerationParams params) {
  for (std::string& stop : InstructTransform(format_).stop_strings()) params.stop_strings.push_back(std::move(stop));
  params.keep_end_token = true;
  engine::PromptText text = jinja::own_text(format_.prefix);
  text.append_input(instruction);
  text += format_.suffix;
  return InteractiveExecutor::infer(text, std::move(params));
}

std::unique_ptr<HistoryTransform> InstructExecutor::history_transform() const {
  return std::make_unique<InstructTransform>(format_);
}

}  // namespace plimsoll::run
