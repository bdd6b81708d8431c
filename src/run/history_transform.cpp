#include "run/history_transform.hpp"

#include <fmt/format.h>

#include <vector>

#include <plimsoll/base/error.hpp>
#include "engine/marked_contents.hpp"

namespace plimsoll::run {
namespace {

// Blank lines around a prefix are layout: without them it is found also where the model lays it out differently.
std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \n\t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \n\t") - first + 1);
}

}  // namespace

const std::string& RoleNameTransform::name_of(const std::string& role) const {
  if (role == "user") return names_.user;
  if (role == "assistant") return names_.assistant;
  if (role == "system") return names_.system;
  throw Error(ErrorCode::usage, fmt::format("there is no name for messages of the role '{}'", role));
}

engine::PromptText with_messages_marked(const std::function<std::string(const ChatHistory&)>& write,
                                        const ChatHistory& history) {
  std::vector<std::string> contents;
  for (const engine::ChatMessage& message : history) contents.push_back(message.content);
  ChatHistory shown = history;
  return engine::with_contents_marked(
      [&](const std::vector<std::string>& texts) {
        for (std::size_t i = 0; i < texts.size(); ++i) shown[i].content = texts[i];
        return write(shown);
      },
      contents);
}

engine::PromptText RoleNameTransform::to_prompt(const ChatHistory& history) const {
  engine::PromptText text;
  for (const engine::ChatMessage& message : history) {
    text += name_of(message.role) + ": ";
    text.append_input(message.content);
    text += "\n";
  }
  text += names_.assistant + ":";
  return text;
}

std::vector<std::string> RoleNameTransform::stop_strings() const {
  return {"\n" + names_.user + ":", "\n" + names_.system + ":"};
}

engine::PromptText InstructTransform::to_prompt(const ChatHistory& history) const {
  engine::PromptText text;
  for (const engine::ChatMessage& message : history) {
    if (message.role == "user") {
      text += format_.prefix;
      text.append_input(message.content);
      text += format_.suffix;
    } else if (message.role == "assistant" || (message.role == "system" && text.text.empty())) {
      text.append_input(message.content);
    } else {
      throw Error(ErrorCode::usage, fmt::format("instructions have no place for a message of '{}' here", message.role));
    }
  }
  return text;
}

std::vector<std::string> InstructTransform::stop_strings() const {
  const std::string prefix = trimmed(format_.prefix);
  return prefix.empty() ? std::vector<std::string>{} : std::vector{prefix};
}

}  // namespace plimsoll::run
