#include "run/interactive_executor.hpp"

#include <plimsoll/base/error.hpp>
#include "run/history_transform.hpp"

namespace plimsoll::run {

InteractiveExecutor::InteractiveExecutor(BatchedExecutor& executor)
    : executor_(executor), conversation_(executor.create()) {}

void InteractiveExecutor::require_capacity(std::size_t tokens) const {
  const std::size_t room = conversation_.capacity();
  if (tokens < room) return;
  throw Error(ErrorCode::context_overflow,
              "the prompt of " + std::to_string(tokens) + " tokens leaves no room to answer in a context of " +
                  std::to_string(room),
              {{"needed", tokens + 1}, {"available", room}});
}

std::unique_ptr<Generation> InteractiveExecutor::answer(const std::vector<engine::Token>& prompt,
                                                        GenerationParams params) {
  require_capacity(prompt.size());
  conversation_.replace(prompt);
  params.prompt.clear();
  return std::make_unique<Generation>(conversation_, std::move(params));
}

std::unique_ptr<Generation> InteractiveExecutor::answer(std::span<const engine::PromptChunk> prompt, std::size_t same,
                                                        GenerationParams params) {
  std::size_t cells = 0;
  for (const engine::PromptChunk& chunk : prompt) cells += chunk.n_tokens();
  require_capacity(cells);
  conversation_.replace(prompt, same);
  params.prompt.clear();
  return std::make_unique<Generation>(conversation_, std::move(params));
}

void InteractiveExecutor::restore(const SequenceSnapshot& snapshot) { executor_.load_into(conversation_, snapshot); }

std::unique_ptr<HistoryTransform> InteractiveExecutor::history_transform() const {
  return std::make_unique<TemplateTransform>(*executor_.instance().model());
}

}  // namespace plimsoll::run
