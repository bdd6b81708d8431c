#include "templates.hpp"

namespace plimsoll::server {

std::shared_ptr<const ModelTemplate> Templates::of(const std::string& name,
                                                   const std::shared_ptr<engine::Model>& model) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[name];
  if (!entry.read || entry.model.lock() != model) {
    const std::string source = model->chat_template().value_or("");
    entry.read = std::make_shared<const ModelTemplate>(ModelTemplate{.chat = engine::ChatTemplate::of(*model),
                                                                     .tools = api::tool_form(source),
                                                                     .reasoning = api::reasoning_form(source)});
    entry.model = model;
  }
  return entry.read;
}

}  // namespace plimsoll::server
