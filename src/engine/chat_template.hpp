// ChatTemplate: messages to the prompt text that a model was trained on (Jinja, as the model file carries it).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/model.hpp"

namespace plimsoll::engine {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant", "tool"
  std::string content;
  nlohmann::ordered_json extra{};  // tool_calls, tool_call_id, name ...; null for none
};

class ChatTemplate {
 public:
  // `source` is Jinja text. Throws Error{usage} where it does not parse.
  ChatTemplate(const std::string& source, const std::string& bos, const std::string& eos);
  // The model's own; ChatML where it carries none.
  [[nodiscard]] static ChatTemplate of(const Model& model);

  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // `values`: what else the template may ask for by name, {"enable_thinking": false}; null for nothing. Throws
  // Error{usage} where the template refuses the messages (its own words are in the message).
  [[nodiscard]] std::string apply(const std::vector<ChatMessage>& messages, bool add_generation_prompt = true,
                                  const nlohmann::ordered_json& tools = {},
                                  const nlohmann::ordered_json& values = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::engine
