#include "run/interactive_executor.hpp"

#include <plimsoll/base/error.hpp>
#include "run/history_transform.hpp"

namespace plimsoll::run {

InteractiveExecutor::InteractiveExecutor(BatchedExecutor& executor)
    : executor_(executor), conversation_(executor.create()) {}

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
