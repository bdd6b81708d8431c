// Anthropic's /v1/messages.
#include <fmt/format.h>

#include <utility>

#include "api/dialect.hpp"
#include "api/tool_calls.hpp"
#include "api/unknown_fields.hpp"

#include "agent_header.hpp"
#include "api/openai_parts.hpp"
#include "message_writer.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

std::string read_text_blocks(const Json& content, const std::string& path, MediaList* media = nullptr);

// {"type": "document", "title", "source": {"type": "text", "data"}} and search results, which hold text.
std::string text_of_document(Fields& block, const std::string& path) {
  block.ignore({"title", "context", "citations", "cache_control"});
  if (const Json* content = block.find("content")) return read_text_blocks(*content, block.path_of("content"));
  const Json* source = block.find("source");
  if (source == nullptr || !source->is_object()) return stand_in("document", path);
  Fields inner(*source, block.path_of("source"));
  const std::string type = inner.text("type").value_or("");
  if (type == "text") return inner.need_text("data");
  if (type == "content") return read_text_blocks(inner.need("content"), inner.path_of("content"));
  return stand_in("document", path);
}

// Of "system", documents, and what a tool gave back. Without a list, text alone.
std::string read_text_blocks(const Json& content, const std::string& path, MediaList* media) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) throw bad_request(fmt::format("'{}' must be a string or a list of blocks", path)).at(path);
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    Fields block(content[i], at);
    const std::string type = block.need_text("type");
    if (type == "document" || type == "search_result") {
      text += text_of_document(block, at);
    } else if (type != "text") {
      text += read_medium_of_a_tool(block, type, at, media);
      continue;
    } else {
      text += block.need_text("text");
    }
    block.ignore({"cache_control", "citations"});
    block.pass_over_unknown();
  }
  return text;
}

// Turns of the original to messages as templates know them: a turn with results becomes several.
class TurnReader {
 public:
  TurnReader(std::vector<engine::ChatMessage>& messages, MediaList& media) : messages_(messages), media_(media) {}

  void read(const Json& json, const std::string& path) {
    Fields turn(json, path);
    role_ = turn.need_text("role");
    if (role_ == "developer") role_ = "system";  // OpenAI's newer name of the same
    if (role_ != "user" && role_ != "assistant" && role_ != "system")
      turn.fail("role", fmt::format("is '{}'; it must be user or assistant", role_));
    // Templates take a system message at the beginning alone; later ones are told in place, so that what comes before
    // them stays as it was.
    if (role_ == "system" && !messages_.empty() && !last_is("system")) role_ = "user";
    const Json& content = turn.need("content");
    turn.ignore({"id", "type", "model", "stop_reason", "stop_sequence", "usage", "cache_control"});
    turn.pass_over_unknown();
    if (!content.is_array()) return add_text(read_text_blocks(content, turn.path_of("content")));
    for (std::size_t i = 0; i < content.size(); ++i)
      read_block(content[i], fmt::format("{}[{}]", turn.path_of("content"), i));
  }

 private:
  void read_block(const Json& json, const std::string& path) {
    Fields block(json, path);
    const std::string type = block.need_text("type");
    if (type == "thinking") return add_thought(block);
    if (type == "redacted_thinking") return;  // nobody can read it
    block.ignore({"cache_control", "citations", "caller"});
    if (type == "text")
      add_text(block.need_text("text"));
    else if (type == "tool_use" && role_ == "assistant")
      add_call(block);
    else if (type == "tool_result" && role_ == "user")
      add_result(block);
    else if (type == "document" || type == "search_result")
      add_text(text_of_document(block, path));
    else if (type == "image")
      add_picture(block, path);
    else
      return UnknownFields::met(fmt::format("{}.type={}", path, type), "it is not understood here");
    block.pass_over_unknown();
  }

  // Templates that know what became of the thoughts of the past ask for them by this name.
  void add_thought(Fields& block) {
    if (role_ != "assistant") return;
    if (!last_is(role_)) messages_.push_back({.role = role_, .content = ""});
    Json& kept = messages_.back().extra["reasoning_content"];
    if (!kept.is_string()) kept = "";
    kept.get_ref<std::string&>() += block.text("thinking").value_or("");  // in place: a turn may have any number
    block.ignore({"signature", "cache_control"});
    block.pass_over_unknown();
  }

  // Turns of the same role after each other are one; so are the texts of one turn.
  void add_text(const std::string& text) {
    if (!last_is(role_)) messages_.push_back({.role = role_, .content = ""});
    std::string& content = messages_.back().content;
    if (!content.empty() && !text.empty()) content += '\n';
    content += text;
  }

  void add_picture(Fields& block, const std::string& path) {
    if (role_ != "user")
      block.fail("type", "is 'image'; only text is understood here: pictures stand in what the user says");
    add_text(read_medium(block, "image", path, media_));
  }

  void add_call(Fields& block) {
    const Json* given = block.find("input");
    Json input = given == nullptr ? Json::object() : *given;  // of a call without arguments
    if (!input.is_object()) block.fail("input", "must be an object");
    if (!last_is(role_)) messages_.push_back({.role = role_, .content = ""});
    messages_.back().extra["tool_calls"].push_back(
        {{"id", block.need_text("id")},
         {"type", "function"},
         {"function", {{"name", block.need_text("name")}, {"arguments", std::move(input)}}}});
  }

  void add_result(Fields& block) {
    const Json* content = block.find("content");
    std::string text = content == nullptr ? "" : read_text_blocks(*content, block.path_of("content"), &media_);
    if (block.flag("is_error").value_or(false)) text = "Error: " + text;
    messages_.push_back(
        {.role = "tool", .content = std::move(text), .extra = {{"tool_call_id", block.need_text("tool_use_id")}}});
  }

  [[nodiscard]] bool last_is(const std::string& role) const {
    return !messages_.empty() && messages_.back().role == role;
  }

  std::vector<engine::ChatMessage>& messages_;
  MediaList& media_;
  std::string role_;
};

// Null: a tool of the original's own, which is run by who offers it.
Json read_tool(const Json& json, const std::string& path) {
  Fields tool(json, path);
  if (const std::string type = tool.text("type").value_or("custom"); type != "custom") {
    UnknownFields::met(fmt::format("{}.type={}", path, type), "other tools are not run here");
    return nullptr;
  }
  Json function{{"name", tool.need_text("name")}};
  if (const auto description = tool.text("description")) function["description"] = *description;
  const Json* schema = tool.find("input_schema");
  function["parameters"] = schema != nullptr ? *schema : Json{{"type", "object"}, {"properties", Json::object()}};
  tool.ignore(
      {"cache_control", "strict", "input_examples", "eager_input_streaming", "defer_loading", "allowed_callers"});
  tool.pass_over_unknown();
  return {{"type", "function"}, {"function", std::move(function)}};
}

void read_tools_of(Fields& fields, ChatPrompt& chat) {
  const Json* tools = fields.find("tools");
  if (tools == nullptr) return;
  if (!tools->is_array()) fields.fail("tools", "must be a list");
  for (std::size_t i = 0; i < tools->size(); ++i) {
    Json tool = read_tool((*tools)[i], fmt::format("tools[{}]", i));
    if (!tool.is_null()) chat.tools.push_back(std::move(tool));
  }
}

void read_choice(Fields& fields, ChatPrompt& chat) {
  using Kind = ToolChoice::Kind;
  const Json* json = fields.find("tool_choice");
  if (json == nullptr) return;
  Fields choice(*json, "tool_choice");
  const std::string type = choice.need_text("type");
  if (type == "tool")
    chat.tool_choice = {.kind = Kind::required, .name = choice.need_text("name")};
  else if (type == "any")
    chat.tool_choice = {.kind = Kind::required};
  else if (type == "none")
    chat.tool_choice = {.kind = Kind::none};
  else if (type != "auto")
    choice.fail("type", "must be 'auto', 'any', 'tool' or 'none'");
  chat.parallel_tool_calls = !choice.flag("disable_parallel_tool_use").value_or(false);
  choice.pass_over_unknown();
}

ChatPrompt read_messages_chat(Fields& fields, MediaList& media) {
  ChatPrompt chat;
  if (const Json* system = fields.find("system")) {
    const std::string text = read_text_blocks(*system, "system");
    chat.messages.push_back({.role = "system", .content = std::string(without_agent_header(text))});
  }
  const Json& messages = fields.need("messages");
  if (!messages.is_array() || messages.empty()) fields.fail("messages", "must be a list of at least one message");
  TurnReader reader(chat.messages, media);
  for (std::size_t i = 0; i < messages.size(); ++i) reader.read(messages[i], fmt::format("messages[{}]", i));
  if (chat.messages.empty()) fields.fail("messages", "hold nothing that is understood here");
  read_going_on(fields, chat);
  read_tools_of(fields, chat);
  read_choice(fields, chat);
  pass_over_choice_of_others(fields, chat);
  check_tools(chat);
  return chat;
}

// The shape of the answer, and how hard to think.
void read_output(Fields& fields, TextRequest& request, ChatPrompt& chat) {
  const Json* output = fields.find("output_config");
  if (output == nullptr) return;
  Fields inner(*output, "output_config");
  if (const Json* format = inner.find("format")) read_format(*format, inner.path_of("format"), request);
  if (const auto effort = inner.text("effort")) chat.template_values = thinking_values(*effort);
  inner.pass_over_unknown();
}

// Where nothing is said the model does as it likes, and its thoughts are left out.
bool wants_thoughts(Fields& fields) {
  const Json* thinking = fields.find("thinking");  // read before: its type is a text, if it has one
  if (thinking == nullptr || *thinking == Json(false)) return false;
  return !thinking->is_object() || !thinking->contains("type") || thinking->at("type") != "disabled";
}

}  // namespace

Asked read_message(const Json& body) {
  Fields fields(body);
  Asked asked;
  TextRequest& request = asked.request;
  request.model = fields.text("model").value_or("");
  if (!body.contains("max_tokens")) fields.fail("max_tokens", "is missing");
  (void)read_limits(fields, request, {"max_tokens"});
  if (request.most_tokens == 0) fields.fail("max_tokens", "must be a whole number from 1, or -1: no limit");
  ChatPrompt chat = read_messages_chat(fields, request.media);
  read_sampling(fields, request);
  request.stop_strings = read_stop_strings(fields, {"stop_sequences", "stop"});
  read_output(fields, request, chat);
  const bool thoughts = read_thinking(fields, request, chat) && wants_thoughts(fields);
  request.prompt = std::move(chat);
  read_reports(fields, request);
  read_adapters(fields, request);
  read_slot(fields, request);
  read_keep_alive(fields, request);
  request.stream = fields.flag("stream").value_or(false);
  fields.pass_over("container", "nothing is run here");
  fields.pass_over("mcp_servers", "nothing is fetched from anywhere");
  fields.pass_over("context_management", "a conversation is taken as it is");
  // What makes the original's SDK send whole conversations instead of going on with one that the server keeps.
  if (fields.find("thread") != nullptr && *fields.find("thread") != Json(false)) {
    throw bad_request("'thread' is not supported here: nothing is stored; send the whole conversation")
        .at("thread")
        .with("details", {{"error_code", "thread_unsupported_request"}, {"unsupported", Json::array({"thread"})}});
  }
  fields.ignore({"inference_geo", "cache_control"});
  ignore_openai_fields(fields);
  pass_over_others_fields(fields);
  fields.pass_over_unknown();
  asked.writer = make_message_writer(thoughts);
  return asked;
}

}  // namespace plimsoll::api
