#include "run/history_transform.hpp"

#include <fmt/format.h>

#include <optional>

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

namespace {

// Of the letters that nobody has agreed on.
constexpr std::string_view kBegins = "\uE0F0";
constexpr std::string_view kEnds = "\uE0F1";

std::optional<engine::PromptText> read_marks(std::string_view text) {
  engine::PromptText out;
  for (;;) {
    const std::size_t begin = text.find(kBegins);
    const std::size_t end = text.find(kEnds);
    out += text.substr(0, begin);
    if (begin == std::string_view::npos) return end == begin ? std::optional(std::move(out)) : std::nullopt;
    if (end == std::string_view::npos || end < begin) return std::nullopt;
    out.append_input(text.substr(begin + kBegins.size(), end - begin - kBegins.size()));
    text.remove_prefix(end + kEnds.size());
  }
}

engine::PromptText found_in(std::string_view rest, const ChatHistory& history) {
  engine::PromptText out;
  for (const engine::ChatMessage& message : history) {
    const std::size_t at = message.content.empty() ? std::string_view::npos : rest.find(message.content);
    if (at == std::string_view::npos) continue;
    out += rest.substr(0, at);
    out.append_input(message.content);
    rest.remove_prefix(at + message.content.size());
  }
  out += rest;
  return out;
}

}  // namespace

engine::PromptText with_messages_marked(const std::function<std::string(const ChatHistory&)>& write,
                                        const ChatHistory& history) {
  std::string text = write(history);
  ChatHistory marked = history;
  for (engine::ChatMessage& message : marked) {
    if (!message.content.empty()) message.content = std::string(kBegins) + message.content + std::string(kEnds);
  }
  const std::optional<engine::PromptText> told = read_marks(write(marked));
  if (told && told->text == text) return *told;
  return found_in(text, history);
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
