// ChatTemplate: messages to the prompt text that a model was trained on (Jinja, as the model file carries it).
#pragma once
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/media.hpp"
#include "engine/model.hpp"
#include "engine/prompt_tokens.hpp"
#include "engine/template_capabilities.hpp"

namespace plimsoll::engine {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant", "tool"
  std::string content;
  nlohmann::ordered_json extra{};  // tool_calls, tool_call_id, name ...; null for none
  // Of a run::ChatSession's messages: each stands where the content has the projector's marker. Templates see the text.
  std::vector<Media> media{};
};

class ChatTemplate {
 public:
  // `source` is Jinja text. Throws Error{usage} where it does not parse.
  ChatTemplate(const std::string& source, const std::string& bos, const std::string& eos);
  // The model's own; ChatML where it carries none. `chosen`: what stands in its place, Jinja text or a built-in name;
  // empty: nothing does.
  [[nodiscard]] static ChatTemplate of(const Model& model, const std::string& chosen = {});
  // Throws Error{usage} where nobody can render with that choice.
  static void check(const std::string& chosen);

  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // `values`: what else the template may ask for by name, {"enable_thinking": false}; null for nothing. Throws
  // Error{usage} where the template refuses the messages (its own words are in the message) or goes beyond the limits
  // of a rendering, Error{cancelled} where it is stopped.
  // What messages, tools and `values` say is marked as input in it; roles that are words are the template's own, since
  // templates make tokens of them ("<|" + role + "|>").
  [[nodiscard]] PromptText apply(const std::vector<ChatMessage>& messages, bool add_generation_prompt = true,
                                 const nlohmann::ordered_json& tools = {}, const nlohmann::ordered_json& values = {},
                                 std::stop_token stop = {}) const;
  // What it has a place for. What it has none for is told in another way (template_messages.hpp).
  [[nodiscard]] const TemplateCapabilities& capabilities() const noexcept;
  // From now on tools, calls and results are told as to a template that has no place for them, whether it has one or
  // not: for those that teach a form of calls which nobody here reads. Before it is shared with other threads.
  void tell_tools_in_words() noexcept;
  // How calls are written where the template has no place for them: in the history, and as an example beside the tools.
  // [{"name": ..., "arguments": ..., "id"}, ...] to text; empty: as JSON (template_messages.hpp). Before it is shared.
  using CallWriter = std::function<std::string(const nlohmann::ordered_json& calls)>;
  void write_calls_with(CallWriter writer);

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::engine
