#include "run/interactive_executor.hpp"

#include <plimsoll/base/error.hpp>
#include "run/history_transform.hpp"

namespace plimsoll::run {

InteractiveExecutor::InteractiveExecutor(BatchedExecutor& executor)
    : executor_(executor), conversation_(executor.create()) {}

std::vector<engine::Token> InteractiveExecutor::tokens_of(std::string_view text) const {
  return engine::prompt_tokens(*executor_.instance().model(), text, conversation_.size() == 0);
}

Generation InteractiveExecutor::infer(std::string_view text, GenerationParams params) {
  params.prompt = tokens_of(text);
  return {conversation_, std::move(params)};
}

Generation InteractiveExecutor::infer(const engine::PromptText& text, GenerationParams params) {
  params.prompt = engine::prompt_tokens(*executor_.instance().model(), text, conversation_.size() == 0);
  return {conversation_, std::move(params)};
}

Generation InteractiveExecutor::resume(GenerationParams params) {
  params.prompt.clear();
  return {conversation_, std::move(params)};
}

engine::DecodeStatus InteractiveExecutor::prefill(std::string_view text, std::stop_token stop) {
  conversation_.prompt(tokens_of(text));
  return conversation_.infer(std::move(stop));
}

std::unique_ptr<Generation> InteractiveExecutor::answer(const std::vector<engine::Token>& prompt,
                                                        GenerationParams params) {
  const std::size_t room = conversation_.capacity();
  if (prompt.size() >= room) {
    throw Error(ErrorCode::context_overflow,
                "the prompt of " + std::to_string(prompt.size()) + " tokens leaves no room to answer in a context of " +
                    std::to_string(room),
                {{"needed", prompt.size() + 1}, {"available", room}});
  }
  conversation_.replace(prompt);
  params.prompt.clear();
  return std::make_unique<Generation>(conversation_, std::move(params));
}

void InteractiveExecutor::restore(const SequenceSnapshot& snapshot) { executor_.load_into(conversation_, snapshot); }

std::unique_ptr<HistoryTransform> InteractiveExecutor::history_transform() const {
  return std::make_unique<TemplateTransform>(*executor_.instance().model());
}

}  // namespace plimsoll::run
