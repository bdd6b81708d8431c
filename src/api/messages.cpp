// Anthropic's /v1/messages.
#include <fmt/format.h>

#include <limits>
#include <utility>

#include "api/dialect.hpp"
#include "api/tool_calls.hpp"

#include "message_writer.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

// Text alone: "system", and what a tool gave back.
std::string read_text_blocks(const Json& content, const std::string& path) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) throw bad_request(fmt::format("'{}' must be a string or a list of blocks", path)).at(path);
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    Fields block(content[i], fmt::format("{}[{}]", path, i));
    const std::string type = block.need_text("type");
    if (type != "text") block.fail("type", fmt::format("is '{}'; only text is understood here", type));
    text += block.need_text("text");
    block.ignore({"cache_control", "citations"});
    refuse_unknown(block);
  }
  return text;
}

// Turns of the original to messages as templates know them: a turn with results becomes several.
class TurnReader {
 public:
  explicit TurnReader(std::vector<engine::ChatMessage>& messages) : messages_(messages) {}

  void read(const Json& json, const std::string& path) {
    Fields turn(json, path);
    role_ = turn.need_text("role");
    if (role_ != "user" && role_ != "assistant")
      turn.fail("role", fmt::format("is '{}'; it must be user or assistant", role_));
    const Json& content = turn.need("content");
    refuse_unknown(turn);
    if (!content.is_array()) return add_text(read_text_blocks(content, turn.path_of("content")));
    for (std::size_t i = 0; i < content.size(); ++i)
      read_block(content[i], fmt::format("{}[{}]", turn.path_of("content"), i));
  }

 private:
  void read_block(const Json& json, const std::string& path) {
    Fields block(json, path);
    const std::string type = block.need_text("type");
    if (type == "thinking" || type == "redacted_thinking") return;  // thoughts of the past are not shown again
    block.ignore({"cache_control", "citations"});
    if (type == "text")
      add_text(block.need_text("text"));
    else if (type == "tool_use" && role_ == "assistant")
      add_call(block);
    else if (type == "tool_result" && role_ == "user")
      add_result(block);
    else
      block.fail("type", fmt::format("is '{}', which is not understood here in a turn of the {}", type, role_));
    refuse_unknown(block);
  }

  // Turns of the same role after each other are one; so are the texts of one turn.
  void add_text(const std::string& text) {
    if (!last_is(role_)) messages_.push_back({.role = role_, .content = ""});
    std::string& content = messages_.back().content;
    if (!content.empty() && !text.empty()) content += '\n';
    content += text;
  }

  void add_call(Fields& block) {
    Json input = block.need("input");
    if (!input.is_object()) block.fail("input", "must be an object");
    if (!last_is(role_)) messages_.push_back({.role = role_, .content = ""});
    messages_.back().extra["tool_calls"].push_back(
        {{"id", block.need_text("id")},
         {"type", "function"},
         {"function", {{"name", block.need_text("name")}, {"arguments", std::move(input)}}}});
  }

  void add_result(Fields& block) {
    const Json* content = block.find("content");
    std::string text = content == nullptr ? "" : read_text_blocks(*content, block.path_of("content"));
    if (block.flag("is_error").value_or(false)) text = "Error: " + text;
    messages_.push_back(
        {.role = "tool", .content = std::move(text), .extra = {{"tool_call_id", block.need_text("tool_use_id")}}});
  }

  [[nodiscard]] bool last_is(const std::string& role) const {
    return !messages_.empty() && messages_.back().role == role;
  }

  std::vector<engine::ChatMessage>& messages_;
  std::string role_;
};

Json read_tool(const Json& json, const std::string& path) {
  Fields tool(json, path);
  if (tool.text("type").value_or("custom") != "custom")
    tool.fail("type", "must be 'custom': other tools are not run here");
  Json function{{"name", tool.need_text("name")}};
  if (const auto description = tool.text("description")) function["description"] = *description;
  function["parameters"] = tool.need("input_schema");
  tool.ignore(
      {"cache_control", "strict", "input_examples", "eager_input_streaming", "defer_loading", "allowed_callers"});
  refuse_unknown(tool);
  return {{"type", "function"}, {"function", std::move(function)}};
}

void read_tools_of(Fields& fields, ChatPrompt& chat) {
  const Json* tools = fields.find("tools");
  if (tools == nullptr) return;
  if (!tools->is_array()) fields.fail("tools", "must be a list");
  for (std::size_t i = 0; i < tools->size(); ++i)
    chat.tools.push_back(read_tool((*tools)[i], fmt::format("tools[{}]", i)));
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
  refuse_unknown(choice);
}

ChatPrompt read_chat(Fields& fields) {
  ChatPrompt chat;
  if (const Json* system = fields.find("system"))
    chat.messages.push_back({.role = "system", .content = read_text_blocks(*system, "system")});
  const Json& messages = fields.need("messages");
  if (!messages.is_array() || messages.empty()) fields.fail("messages", "must be a list of at least one message");
  TurnReader reader(chat.messages);
  for (std::size_t i = 0; i < messages.size(); ++i) reader.read(messages[i], fmt::format("messages[{}]", i));
  if (chat.messages.empty() || chat.messages.back().role == "assistant")
    fields.fail("messages", "must end with a turn of the user: answers that are begun are not continued here");
  read_tools_of(fields, chat);
  read_choice(fields, chat);
  check_tools(chat);
  return chat;
}

void read_sampling_of(Fields& fields, engine::SamplingParams& sampling) {
  if (const auto temperature = fields.number("temperature", 0, 1))
    sampling.temperature = static_cast<float>(*temperature);
  if (const auto top_p = fields.number("top_p", 0, 1)) sampling.top_p = static_cast<float>(*top_p);
  if (const auto top_k = fields.whole("top_k", 0, 1'000'000)) sampling.top_k = static_cast<std::int32_t>(*top_k);
}

// Whether thoughts are asked for. Where nothing is said the model does as it likes, and they are left out.
bool read_thinking(Fields& fields, ChatPrompt& chat) {
  const Json* thinking = fields.find("thinking");
  if (thinking == nullptr) return false;
  Fields inner(*thinking, "thinking");
  const std::string type = inner.need_text("type");
  if (type != "enabled" && type != "adaptive" && type != "disabled")
    inner.fail("type", fmt::format("is '{}'; it must be enabled, adaptive or disabled", type));
  if (type != "adaptive") chat.template_values["enable_thinking"] = type == "enabled";
  inner.ignore({"budget_tokens", "display"});
  refuse_unknown(inner);
  return type != "disabled";
}

// The shape of the answer.
void read_output(Fields& fields, TextRequest& request) {
  const Json* output = fields.find("output_config");
  if (output == nullptr) return;
  Fields inner(*output, "output_config");
  if (const Json* format = inner.find("format")) request.schema = read_format(*format, inner.path_of("format"));
  inner.ignore({"effort"});
  refuse_unknown(inner);
}

}  // namespace

Asked read_message(const Json& body) {
  Fields fields(body);
  Asked asked;
  TextRequest& request = asked.request;
  request.model = fields.text("model").value_or("");
  (void)fields.need("max_tokens");
  const auto most = fields.whole("max_tokens", 1, std::numeric_limits<std::int32_t>::max());
  request.most_tokens = static_cast<std::int32_t>(*most);
  request.prompt = read_chat(fields);
  read_sampling_of(fields, request.sampling);
  request.stop_strings = read_stop_strings(fields, "stop_sequences");
  read_output(fields, request);
  const bool thoughts = read_thinking(fields, std::get<ChatPrompt>(request.prompt));
  request.stream = fields.flag("stream").value_or(false);
  fields.refuse("container", "nothing is run here", Json::object());
  fields.refuse("mcp_servers", "nothing is fetched from anywhere", Json::array());
  fields.refuse("context_management", "a conversation is taken as it is", Json::object());
  // What makes the original's SDK send whole conversations instead of going on with one that the server keeps.
  if (fields.find("thread") != nullptr && *fields.find("thread") != Json(false)) {
    throw bad_request("'thread' is not supported here: nothing is stored; send the whole conversation")
        .at("thread")
        .with("details", {{"error_code", "thread_unsupported_request"}, {"unsupported", Json::array({"thread"})}});
  }
  fields.ignore({"metadata", "service_tier", "inference_geo", "cache_control"});
  refuse_unknown(fields);
  asked.writer = make_message_writer(thoughts);
  return asked;
}

}  // namespace plimsoll::api
