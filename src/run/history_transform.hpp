// HistoryTransform: a chat as the prompt that a model goes on with.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/chat_template.hpp"

namespace plimsoll::run {

using ChatHistory = std::vector<engine::ChatMessage>;  // oldest first; a system message only in front

// Stateless; const calls from any thread.
class HistoryTransform {
 public:
  virtual ~HistoryTransform() = default;
  // With what makes the model answer at its end. Throws Error{usage} where this form has no place for a message.
  // What messages say is marked as input: it is text, also where it looks like a special token.
  [[nodiscard]] virtual engine::PromptText to_prompt(const ChatHistory& history) const = 0;
  // What shows that the model has begun to speak for somebody else; become stop strings.
  [[nodiscard]] virtual std::vector<std::string> stop_strings() const { return {}; }
};

// The model's own template (ChatML where it has none).
class TemplateTransform : public HistoryTransform {
 public:
  explicit TemplateTransform(const engine::Model& model) : template_(engine::ChatTemplate::of(model)) {}
  explicit TemplateTransform(engine::ChatTemplate chat_template) : template_(std::move(chat_template)) {}
  [[nodiscard]] engine::PromptText to_prompt(const ChatHistory& history) const override {
    return template_.apply(history);
  }

 private:
  engine::ChatTemplate template_;
};

// The prompt of a form that gives no more than its text. What of it the messages say shows in a second one, written
// with marks around each message. Where these change more than they mark (a form may look at what is said), each
// message is looked for behind the one before it.
[[nodiscard]] engine::PromptText with_messages_marked(const std::function<std::string(const ChatHistory&)>& write,
                                                      const ChatHistory& history);

// "User: ...\nAssistant: ...\n", for models that know no template.
class RoleNameTransform : public HistoryTransform {
 public:
  struct Names {
    std::string user = "User";
    std::string assistant = "Assistant";
    std::string system = "System";
  };
  RoleNameTransform() = default;
  explicit RoleNameTransform(Names names) : names_(std::move(names)) {}
  [[nodiscard]] engine::PromptText to_prompt(const ChatHistory& history) const override;
  [[nodiscard]] std::vector<std::string> stop_strings() const override;

 private:
  [[nodiscard]] const std::string& name_of(const std::string& role) const;
  Names names_{};
};

// What stands before an instruction and before its answer, as Alpaca's models were trained on.
struct InstructFormat {
  std::string prefix = "\n\n### Instruction:\n\n";
  std::string suffix = "\n\n### Response:\n\n";
};

// A system message goes in front as it is.
class InstructTransform : public HistoryTransform {
 public:
  explicit InstructTransform(InstructFormat format = {}) : format_(std::move(format)) {}
  [[nodiscard]] engine::PromptText to_prompt(const ChatHistory& history) const override;
  [[nodiscard]] std::vector<std::string> stop_strings() const override;

 private:
  InstructFormat format_;
};

}  // namespace plimsoll::run
