// TemplateFacts: what is seen of a model's chat template without a chat, and without the model.
#pragma once
#include <string>

namespace plimsoll::engine {

struct TemplateFacts {
  bool is_own = false;     // the file carries it
  bool is_chosen = false;  // somebody put it in the file's place; neither: ChatML
  bool chats = false;      // it shows what a user says
  bool tools = false;      // it shows tools
  std::string error{};     // why it cannot be read
  std::string source{};    // its text, or the name of one that is built in; empty: ChatML
  friend bool operator==(const TemplateFacts&, const TemplateFacts&) = default;
};

// `chosen`: what stands in the place of the file's own; empty: nothing does. What is wrong with a template is a fact,
// too. Throws what reading the file's header throws.
[[nodiscard]] TemplateFacts template_facts(const std::string& path, const std::string& chosen = {});
// What a chat meets with it that it does not meet with others; empty: nothing.
[[nodiscard]] std::string remark_on(const TemplateFacts& facts);

}  // namespace plimsoll::engine
