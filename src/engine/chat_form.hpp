// ChatForm: what renders a chat: a template in Jinja's language, or one that the engine has built in under a name.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jinja/template.hpp"

namespace plimsoll::engine {

// Any thread, and several at a time.
class ChatForm {
 public:
  virtual ~ChatForm() = default;
  // `values`: an object with `messages`, `add_generation_prompt` and more. Throws Error{usage} where it refuses them.
  // What came in with them is marked in the answer.
  [[nodiscard]] virtual jinja::MarkedText render(const nlohmann::ordered_json& values,
                                                 const jinja::RenderOptions& options = {}) const = 0;
  // Whether it asks for a value of this name.
  [[nodiscard]] virtual bool mentions(std::string_view variable) const = 0;

  // Throws Error{usage} where it does not parse.
  [[nodiscard]] static std::unique_ptr<const ChatForm> of_jinja(const std::string& source);
  // A file's own; ChatML where it carries none. Throws Error{usage} likewise.
  [[nodiscard]] static std::unique_ptr<const ChatForm> of_file(const std::optional<std::string>& source);
  // What somebody chose: Jinja text, or one of built_in_templates(). Throws Error{usage} where it is neither.
  [[nodiscard]] static std::unique_ptr<const ChatForm> chosen(const std::string& choice);
};

// The names that llama.cpp knows; what they write is the engine's, and has no place for tools.
[[nodiscard]] std::vector<std::string> built_in_templates();

}  // namespace plimsoll::engine
