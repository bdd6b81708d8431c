// Templates: each model's chat template, read once while the model is loaded.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <plimsoll/api/reasoning.hpp>
#include <plimsoll/api/tool_calls.hpp>
#include <plimsoll/engine/chat_template.hpp>

namespace plimsoll::server {

struct ModelTemplate {
  engine::ChatTemplate chat;
  api::ToolForm tools;
  std::optional<api::ReasoningForm> reasoning;  // empty: it does not think aloud
};

// Any thread.
class Templates {
 public:
  [[nodiscard]] std::shared_ptr<const ModelTemplate> of(const std::string& name,
                                                        const std::shared_ptr<engine::Model>& model);

 private:
  struct Entry {
    std::weak_ptr<engine::Model> model;
    std::shared_ptr<const ModelTemplate> read;
  };
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace plimsoll::server
