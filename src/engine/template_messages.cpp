#include "template_messages.hpp"

#include <fmt/format.h>

#include "template_calls.hpp"
#include "template_turns.hpp"

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kExample =
    R"({"tool_calls": [{"name": "tool_name", "arguments": {"arg1": "some_value"}, "id": "call_1"}]})";

Json entry_of(const ChatMessage& message, const TemplateCapabilities& can) {
  Json entry{{"role", message.role}, {"content", message.content}};
  if (message.extra.is_object()) entry.update(message.extra);
  if (entry["content"].is_array() && !can.content_parts) entry["content"] = message.content;
  return entry;
}

// Thoughts where the template looks for them. One that takes no text beside them in a message that calls gets the text
// as their end.
void place_thoughts(Json& entry, const TemplateCapabilities& can) {
  constexpr const char* kMember = "reasoning_content";
  if (!entry.contains(kMember) || !entry[kMember].is_string()) return;
  std::string thoughts = entry[kMember];
  Json& content = entry["content"];
  if (!can.thoughts_beside_content && has_calls(entry) && content.is_string() && content != "") {
    thoughts += "\n\n" + content.get<std::string>();
    content = "";
  }
  entry.erase(kMember);
  entry[can.thoughts_member] = std::move(thoughts);
}

std::string text_of(const Json& arguments) {
  return arguments.is_string() ? arguments.get<std::string>() : arguments.dump();
}

// The calls as the message's text.
void calls_to_content(Json& entry, const ChatTemplate::CallWriter& writer) {
  Json calls = Json::array();
  for (const Json& call : entry["tool_calls"]) {
    Json told{{"name", call["function"]["name"]}, {"arguments", call["function"]["arguments"]}};
    if (call.contains("id")) told["id"] = call["id"];
    calls.push_back(std::move(told));
  }
  entry.erase("tool_calls");
  Json& content = entry["content"];
  const std::string text = content.is_string() ? content.get<std::string>() : "";
  if (writer) {
    content = text + (text.empty() ? "" : "\n") + writer(calls);
    return;
  }
  Json told{{"tool_calls", std::move(calls)}};
  if (!text.empty()) told["content"] = text;
  content = told.dump(2);
}

void result_to_user(Json& entry) {
  Json response = Json::object();
  if (entry.contains("name")) response["tool"] = entry["name"];
  response["content"] = entry["content"];
  if (entry.contains("tool_call_id")) response["tool_call_id"] = entry["tool_call_id"];
  entry = {{"role", "user"}, {"content", Json{{"tool_response", std::move(response)}}.dump(2)}};
}

void adapt_calls(Json& entry, const TemplateCapabilities& can, const ChatTemplate::CallWriter& writer) {
  if (entry["role"] == "tool" && !can.tool_results) return result_to_user(entry);
  if (!has_calls(entry)) return;
  if (!can.tool_calls) return calls_to_content(entry, writer);
  for (Json& call : entry["tool_calls"]) {
    Json& arguments = call["function"]["arguments"];
    if (can.arguments_as_text) arguments = text_of(arguments);
  }
}

std::string example_of(const ChatTemplate::CallWriter& writer) {
  const Json example = Json::parse(kExample);
  return writer ? writer(example["tool_calls"]) : example.dump(2);
}

std::string told(const Json& tools, const ChatTemplate::CallWriter& writer) {
  return fmt::format(
      "You can call any of the following tools to satisfy the user's requests: {}\n\nExample tool call "
      "syntax:\n\n{}\n\n",
      tools.dump(2), example_of(writer));
}

void tell_tools(Json& entries, const Json& tools, const ChatTemplate::CallWriter& writer) {
  if (entries.empty() || entries[0]["role"] != "system")
    entries.insert(entries.begin(), Json{{"role", "system"}, {"content", ""}});
  Json& content = entries[0]["content"];
  if (content.is_array()) {
    content.push_back({{"type", "text"}, {"text", "\n\n" + told(tools, writer)}});
  } else {
    const std::string old = content.is_string() ? content.get<std::string>() : "";
    content = old + (old.empty() ? "" : "\n\n") + told(tools, writer);
  }
}

}  // namespace

Json messages_for(const std::vector<ChatMessage>& messages, const Json& tools, const TemplateCapabilities& can,
                  const ChatTemplate::CallWriter& writer) {
  Json entries = Json::array();
  for (const ChatMessage& message : messages) entries.push_back(entry_of(message, can));
  if (can.tool_calls && !can.parallel_calls) entries = one_call_each(entries);
  if (can.tool_calls && !can.any_call_id) give_short_ids(entries);
  for (Json& entry : entries) {
    adapt_calls(entry, can, writer);
    place_thoughts(entry, can);
  }
  if (tools.is_array() && !tools.empty() && !can.tools) tell_tools(entries, tools, writer);
  entries = in_order(std::move(entries), can);
  if (can.text_content || !can.content_parts) return entries;
  for (Json& entry : entries) {
    if (entry["content"].is_string()) entry["content"] = Json::array({{{"type", "text"}, {"text", entry["content"]}}});
  }
  return entries;
}

}  // namespace plimsoll::engine
