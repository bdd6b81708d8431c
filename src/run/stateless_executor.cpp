#include "run/stateless_executor.hpp"

#include <plimsoll/base/error.hpp>
#include "run/open.hpp"

namespace plimsoll::run {

StatelessExecutor::StatelessExecutor(BatchedExecutor& executor, StatelessOptions options)
    : executor_(executor), options_(std::move(options)) {
  if (options_.apply_template) template_.emplace(*executor.instance().model());
  if (options_.system && !options_.apply_template)
    throw Error(ErrorCode::usage, "a system message needs the model's template to stand in");
}

engine::PromptText StatelessExecutor::prompt_text(std::string_view text) const {
  if (!template_) return jinja::own_text(std::string(text));
  ChatHistory history;
  if (options_.system) history.push_back({.role = "system", .content = *options_.system, .extra = {}});
  history.push_back({.role = "user", .content = std::string(text), .extra = {}});
  return template_->to_prompt(history);
}

Generation StatelessExecutor::infer(std::string_view text, GenerationParams params) const {
  params.prompt = engine::prompt_tokens(*executor_.instance().model(), prompt_text(text));
  return {executor_.create(), std::move(params)};
}

std::unique_ptr<Generation> StatelessExecutor::answer(const std::vector<engine::Token>& prompt,
                                                      GenerationParams params) {
  params.prompt = prompt;
  return std::make_unique<Generation>(executor_.create(), std::move(params));
}

void StatelessExecutor::restore(const SequenceSnapshot&) {
  throw Error(ErrorCode::unsupported, "a stateless executor keeps no conversation that could be restored");
}

std::unique_ptr<HistoryTransform> StatelessExecutor::history_transform() const {
  return std::make_unique<TemplateTransform>(*executor_.instance().model());
}

}  // namespace plimsoll::run
