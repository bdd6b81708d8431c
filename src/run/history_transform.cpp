#include "run/history_transform.hpp"

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>

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

std::string RoleNameTransform::to_prompt(const ChatHistory& history) const {
  std::string text;
  for (const engine::ChatMessage& message : history)
    text += fmt::format("{}: {}\n", name_of(message.role), message.content);
  return text + names_.assistant + ":";
}

std::vector<std::string> RoleNameTransform::stop_strings() const {
  return {"\n" + names_.user + ":", "\n" + names_.system + ":"};
}

std::string InstructTransform::to_prompt(const ChatHistory& history) const {
  std::string text;
  for (const engine::ChatMessage& message : history) {
    if (message.role == "user") {
      text += format_.prefix + message.content + format_.suffix;
    } else if (message.role == "assistant" || (message.role == "system" && text.empty())) {
      text += message.content;
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
