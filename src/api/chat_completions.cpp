// OpenAI's /v1/chat/completions.
#include <fmt/format.h>

#include "api/dialect.hpp"
#include "api/sse.hpp"
#include "api/tool_calls.hpp"

#include "openai_parts.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

class ChatCompletionWriter final : public AnswerWriter {
 public:
  explicit ChatCompletionWriter(bool include_usage) : include_usage_(include_usage) {}

  std::string begin(const ResponseMeta& meta) override {
    meta_ = meta;
    return {};  // each choice opens itself
  }

  std::string piece(const Piece& piece) override {
    std::string out = opening(piece.choice);
    if (!piece.reasoning.empty())
      out += chunk(piece.choice, {{"reasoning_content", piece.reasoning}}, nullptr, nullptr);
    const Json logprobs = piece.logprobs.empty() ? Json(nullptr) : chat_logprobs(piece.logprobs);
    if (!piece.text.empty() || !piece.logprobs.empty())
      out += chunk(piece.choice, {{"content", piece.text}}, nullptr, logprobs);
    for (const ToolCall& call : piece.tool_calls) {
      Json delta = tool_call_json(call);
      delta["index"] = calls_++;
      out += chunk(piece.choice, {{"tool_calls", Json::array({std::move(delta)})}}, nullptr, nullptr);
    }
    return out;
  }

  std::string end_of_choice(const ChoiceEnd& end) override {
    return opening(end.choice) + chunk(end.choice, Json::object(), finish_reason(end.finish), nullptr);
  }

  std::string end(const Usage& usage) override { return end_of_stream(frame(), usage, include_usage_); }

  std::string failure(const Problem& problem) override { return event(error_body(problem, ErrorShape::openai)); }

  Json whole(const Answer& answer) override {
    Json choices = Json::array();
    for (const Choice& choice : answer.choices) choices.push_back(choice_json(choice, choices.size()));
    return {{"id", "chatcmpl-" + answer.meta.id}, {"object", "chat.completion"},   {"created", answer.meta.created},
            {"model", answer.meta.model},         {"choices", std::move(choices)}, {"usage", usage_json(answer.usage)}};
  }

 private:
  [[nodiscard]] Json frame() const {
    return {{"id", "chatcmpl-" + meta_.id},
            {"object", "chat.completion.chunk"},
            {"created", meta_.created},
            {"model", meta_.model}};
  }

  [[nodiscard]] std::string chunk(std::size_t choice, Json delta, Json finish, Json logprobs) const {
    Json out = frame();
    out["choices"] = Json::array({{{"index", choice},
                                   {"delta", std::move(delta)},
                                   {"logprobs", std::move(logprobs)},
                                   {"finish_reason", std::move(finish)}}});
    if (include_usage_) out["usage"] = nullptr;
    return event(out);
  }

  // The first delta of a choice says who speaks.
  [[nodiscard]] std::string opening(std::size_t choice) {
    if (choice < opened_) return {};
    opened_ = choice + 1;
    calls_ = 0;
    return chunk(choice, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
  }

  [[nodiscard]] static Json choice_json(const Choice& choice, std::size_t index) {
    Json message{{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}};
    if (!choice.reasoning.empty()) message["reasoning_content"] = choice.reasoning;  // as DeepSeek and llama-server do
    if (!choice.tool_calls.empty()) {
      if (choice.text.empty()) message["content"] = nullptr;
      message["tool_calls"] = Json::array();
      for (const ToolCall& call : choice.tool_calls) message["tool_calls"].push_back(tool_call_json(call));
    }
    return {{"index", index},
            {"message", std::move(message)},
            {"logprobs", choice.logprobs.empty() ? Json(nullptr) : chat_logprobs(choice.logprobs)},
            {"finish_reason", finish_reason(choice.finish)}};
  }

  bool include_usage_;
  ResponseMeta meta_;
  std::size_t opened_ = 0;
  std::size_t calls_ = 0;
};

engine::ChatMessage read_message_of(const Json& json, const std::string& path) {
  Fields fields(json, path);
  engine::ChatMessage message;
  message.role = fields.need_text("role");
  if (message.role == "developer") message.role = "system";  // the newer name of the same
  if (message.role != "system" && message.role != "user" && message.role != "assistant" && message.role != "tool")
    fields.fail("role", fmt::format("is '{}'; it must be system, developer, user, assistant or tool", message.role));
  if (const Json* content = fields.find("content")) message.content = read_content(*content, fields.path_of("content"));
  if (const Json* calls = fields.find("tool_calls"))
    message.extra["tool_calls"] = calls_for_template(*calls, fields.path_of("tool_calls"));
  if (message.role == "tool") message.extra["tool_call_id"] = fields.need_text("tool_call_id");
  if (const auto name = fields.text("name")) message.extra["name"] = *name;
  if (const auto thoughts = fields.text("reasoning_content")) message.extra["reasoning_content"] = *thoughts;
  fields.ignore({"refusal", "audio", "annotations", "function_call"});
  refuse_unknown(fields);
  return message;
}

void read_logprobs(Fields& fields, TextRequest& request) {
  const bool wanted = fields.flag("logprobs").value_or(false);
  const auto top = fields.whole("top_logprobs", 0, kMostLogprobs);
  if (top && !wanted) fields.fail("top_logprobs", "needs 'logprobs' to be true");
  if (wanted) request.top_logprobs = static_cast<std::size_t>(top.value_or(0));
}

ChatPrompt read_chat(Fields& fields) {
  ChatPrompt chat;
  const Json& messages = fields.need("messages");
  if (!messages.is_array() || messages.empty()) fields.fail("messages", "must be a list of at least one message");
  for (std::size_t i = 0; i < messages.size(); ++i)
    chat.messages.push_back(read_message_of(messages[i], fmt::format("messages[{}]", i)));
  if (const Json* tools = fields.find("tools")) chat.tools = read_tools(*tools, "tools");
  if (const Json* choice = fields.find("tool_choice")) chat.tool_choice = read_tool_choice(*choice, "tool_choice");
  chat.parallel_tool_calls = fields.flag("parallel_tool_calls").value_or(true);
  check_tools(chat);
  if (const auto effort = fields.text("reasoning_effort")) chat.template_values = thinking_values(*effort);
  if (const Json* values = fields.find("chat_template_kwargs")) {
    if (!values->is_object()) fields.fail("chat_template_kwargs", "must be an object");
    chat.template_values.update(*values);
  }
  return chat;
}

}  // namespace

Asked read_chat_completion(const Json& body) {
  Fields fields(body);
  Asked asked;
  TextRequest& request = asked.request;
  request.model = fields.text("model").value_or("");
  request.prompt = read_chat(fields);
  request.n = static_cast<std::int32_t>(fields.whole("n", 1, kMostAnswers).value_or(1));
  request.most_tokens = read_most_tokens(fields, {"max_completion_tokens", "max_tokens"});
  request.stop_strings = read_stop_strings(fields, "stop");
  if (const Json* format = fields.find("response_format")) request.schema = read_format(*format, "response_format");
  read_sampling(fields, request);
  read_logprobs(fields, request);
  request.stream = fields.flag("stream").value_or(false);
  const bool include_usage = read_include_usage(fields);
  fields.refuse("functions", "use 'tools'");
  fields.refuse("function_call", "use 'tool_choice'");
  fields.refuse("audio", "answers are text");
  fields.refuse("web_search_options", "nothing is fetched from anywhere");
  fields.refuse("modalities", "answers are text", Json::array({"text"}));
  ignore_openai_fields(fields);
  fields.ignore({"verbosity", "prediction"});
  refuse_unknown(fields);
  asked.writer = std::make_unique<ChatCompletionWriter>(include_usage);
  return asked;
}

}  // namespace plimsoll::api
