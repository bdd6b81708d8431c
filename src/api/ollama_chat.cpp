// Ollama's /api/chat.
#include <fmt/format.h>

#include "api/tool_calls.hpp"

#include "ollama_fields.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

// Calls of an earlier answer: arguments are an object here; templates want the same.
Json read_calls(const Json& calls, const std::string& path) {
  if (!calls.is_array()) throw bad_request(fmt::format("'{}' must be a list", path)).at(path);
  Json out = Json::array();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    Fields call(calls[i], fmt::format("{}[{}]", path, i));
    Fields function(call.need("function"), call.path_of("function"));
    const Json* arguments = function.find("arguments");
    out.push_back(
        {{"id", call.text("id").value_or("")},
         {"type", "function"},
         {"function",
          {{"name", function.need_text("name")}, {"arguments", arguments != nullptr ? *arguments : Json::object()}}}});
  }
  return out;
}

// In front of the text, as Ollama has them.
std::string read_images(Fields& fields, const Json& images, bool of_a_tool, MediaList& media) {
  const std::string path = fields.path_of("images");
  if (!of_a_tool) return read_media_texts(images, path, media);
  try {
    return read_media_texts(images, path, media, words_for("image"));
  } catch (const Problem&) {
    return stand_in("image", path);
  }
}

engine::ChatMessage read_message(const Json& json, const std::string& path, MediaList& media) {
  Fields fields(json, path);
  engine::ChatMessage message;
  message.role = fields.need_text("role");
  const bool of_a_tool = message.role == "tool";
  if (const Json* content = fields.find("content"))
    message.content =
        read_content(*content, fields.path_of("content"), message.role == "assistant" ? nullptr : &media, of_a_tool);
  if (const Json* calls = fields.find("tool_calls"); calls != nullptr && !calls->empty())
    message.extra["tool_calls"] = read_calls(*calls, fields.path_of("tool_calls"));
  if (const auto thoughts = fields.text("thinking"); thoughts && !thoughts->empty())
    message.extra["reasoning_content"] = *thoughts;
  if (const auto name = fields.text("tool_name")) message.extra["name"] = *name;
  if (const auto id = fields.text("tool_call_id")) message.extra["tool_call_id"] = *id;
  if (const auto name = fields.text("name")) message.extra["name"] = *name;
  if (const Json* images = fields.find("images");
      images != nullptr && !images->empty() && (of_a_tool || message.role == "user")) {
    const std::string marks = read_images(fields, *images, of_a_tool, media);
    message.content = of_a_tool ? message.content + marks : marks + message.content;
  } else {
    fields.refuse("images", "pictures stand in what the user says", Json::array());
  }
  fields.pass_over_unknown();
  return message;
}

// A part of a tool's declaration that says nothing is left out by Ollama's clients.
Json with_types(const Json& tools) {
  Json out = tools;
  for (Json& tool : out) {
    if (tool.is_object() && !tool.contains("type")) tool["type"] = "function";
  }
  return out;
}

ChatPrompt read_ollama_chat(Fields& fields, MediaList& media) {
  ChatPrompt chat;
  const Json* messages = fields.find("messages");
  if (messages != nullptr && !messages->is_array()) fields.fail("messages", "must be a list of messages");
  for (std::size_t i = 0; messages != nullptr && i < messages->size(); ++i)
    chat.messages.push_back(read_message((*messages)[i], fmt::format("messages[{}]", i), media));
  if (!chat.messages.empty()) read_going_on(fields, chat);
  if (const Json* tools = fields.find("tools"); tools != nullptr && !tools->empty())
    chat.tools = read_tools(with_types(*tools), "tools");
  // Ollama has no such field, and its clients send it all the same.
  if (const Json* choice = fields.find("tool_choice"); choice != nullptr && !chat.tools.is_null())
    chat.tool_choice = read_tool_choice(*choice, "tool_choice");
  pass_over_choice_of_others(fields, chat);
  check_tools(chat);
  return chat;
}

}  // namespace

Asked read_ollama_chat(const Json& body) {
  Fields fields(body);
  Asked asked;
  OllamaForm form{.chat = true};
  asked.request.prompt = read_ollama_chat(fields, asked.request.media);
  asked.only_loads = std::get<ChatPrompt>(asked.request.prompt).messages.empty();
  const std::string model = fields.text("model").value_or("");
  read_ollama_common(fields, asked, form);
  fields.pass_over_unknown();
  asked.writer = ollama_writer(model, form);
  return asked;
}

}  // namespace plimsoll::api
