// OpenAI's /v1/responses. Nothing is stored: every request carries its whole conversation.
#include <fmt/format.h>

#include <plimsoll/api/dialect.hpp>
#include <plimsoll/api/sse.hpp>
#include <plimsoll/api/tool_calls.hpp>

#include "openai_parts.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

Json response_usage(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}, {"cache_write_tokens", 0}}},
          {"output_tokens", usage.completion_tokens},
          {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

const char* status_of(Finish finish) { return finish == Finish::length ? "incomplete" : "completed"; }

Json text_part(const std::string& text, Json logprobs) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}, {"logprobs", std::move(logprobs)}};
}

Json message_item(const std::string& id, const char* status, Json content) {
  return {{"id", id}, {"type", "message"}, {"status", status}, {"role", "assistant"}, {"content", std::move(content)}};
}

Json reasoning_item(const std::string& id, const char* status, const std::string& text) {
  Json content = Json::array();
  if (!text.empty()) content.push_back({{"type", "reasoning_text"}, {"text", text}});
  return {{"id", id}, {"type", "reasoning"}, {"status", status}, {"summary", Json::array()}, {"content", content}};
}

Json call_item(const std::string& id, const char* status, const ToolCall& call, const std::string& arguments) {
  return {{"id", id},           {"type", "function_call"}, {"status", status},
          {"call_id", call.id}, {"name", call.name},       {"arguments", arguments}};
}

// An answer is a list of items: thoughts, messages, of which each has one part here, and calls. Events are counted as
// they are written, so they are appended one by one: the order within a + b is the compiler's.
class ResponseWriter final : public AnswerWriter {
 public:
  // `asked`: the members of a response that repeat the request.
  explicit ResponseWriter(Json asked) : asked_(std::move(asked)) {}

  std::string begin(const ResponseMeta& meta) override {
    meta_ = meta;
    begun_ = true;
    const Json response = frame("in_progress");
    std::string out = write("response.created", {{"response", response}});
    return out += write("response.in_progress", {{"response", response}});
  }

  std::string piece(const Piece& piece) override {
    std::string out;
    if (!piece.reasoning.empty()) out += reasoning_delta(piece.reasoning);
    const bool says_something = !piece.text.empty() || (!piece.logprobs.empty() && open_ != Open::reasoning);
    if (says_something || !piece.tool_calls.empty()) out += close_reasoning();
    if (says_something) out += text_delta(piece);
    for (const ToolCall& call : piece.tool_calls) {
      out += close_message("completed");
      out += whole_call(call);
    }
    return out;
  }

  std::string end_of_choice(const ChoiceEnd& end) override {
    finish_ = end.finish;
    std::string out = close_reasoning();
    // An answer of nothing, and one of thoughts alone, is a message as well.
    if (open_ == Open::nothing && (output_.empty() || output_.back()["type"] == "reasoning")) out += open_message();
    return out += close_message(status_of(finish_));
  }

  std::string end(const Usage& usage) override {
    return write(finish_ == Finish::length ? "response.incomplete" : "response.completed",
                 {{"response", finished(finish_, usage)}});
  }

  std::string failure(const Problem& problem) override {
    std::string out = write("error", {{"code", problem.code()},
                                      {"message", problem.what()},
                                      {"param", problem.field().empty() ? Json(nullptr) : Json(problem.field())}});
    if (!begun_) return out;
    Json response = frame("failed");
    response["error"] = {{"code", "server_error"}, {"message", problem.what()}};
    return out += write("response.failed", {{"response", std::move(response)}});
  }

  Json whole(const Answer& answer) override {
    meta_ = answer.meta;
    const Choice none;
    const Choice& choice = answer.choices.empty() ? none : answer.choices.front();
    if (!choice.reasoning.empty()) output_.push_back(reasoning_item(item_id("rs"), "completed", choice.reasoning));
    if (!choice.text.empty() || choice.tool_calls.empty()) {
      Json content = Json::array({text_part(choice.text, logprobs_of(choice.logprobs))});
      output_.push_back(message_item(item_id("msg"), status_of(choice.finish), std::move(content)));
    }
    for (const ToolCall& call : choice.tool_calls)
      output_.push_back(call_item(item_id("fc"), "completed", call, call.arguments));
    return finished(choice.finish, answer.usage);
  }

 private:
  [[nodiscard]] Json frame(const char* status) const {
    Json out{{"id", "resp_" + meta_.id}, {"object", "response"}, {"created_at", meta_.created},
             {"status", status},         {"error", nullptr},     {"incomplete_details", nullptr},
             {"model", meta_.model},     {"output", output_},    {"usage", nullptr}};
    out.update(asked_);
    return out;
  }

  [[nodiscard]] Json finished(Finish finish, const Usage& usage) const {
    Json out = frame(status_of(finish));
    if (finish == Finish::length) out["incomplete_details"] = {{"reason", "max_output_tokens"}};
    out["usage"] = response_usage(usage);
    return out;
  }

  [[nodiscard]] std::string write(const char* type, const Json& members) {
    Json out{{"type", type}, {"sequence_number", sequence_++}};
    out.update(members);
    return event(out, type);
  }

  // Of the item that comes next, or is open.
  [[nodiscard]] std::string item_id(const char* kind) const {
    return fmt::format("{}_{}_{}", kind, meta_.id, output_.size());
  }

  // In the part of the open item, which is a message's or a thought's.
  [[nodiscard]] std::string write_at(const char* type, const Json& members) {
    const char* const kind = open_ == Open::reasoning ? "rs" : "msg";
    Json out{{"item_id", item_id(kind)}, {"output_index", output_.size()}, {"content_index", 0}};
    out.update(members);
    return write(type, out);
  }

  [[nodiscard]] std::string reasoning_delta(const std::string& text) {
    std::string out;
    if (open_ == Open::nothing) {
      open_ = Open::reasoning;
      text_.clear();
      out += write("response.output_item.added",
                   {{"output_index", output_.size()}, {"item", reasoning_item(item_id("rs"), "in_progress", "")}});
    }
    text_ += text;
    return out += write_at("response.reasoning_text.delta", {{"delta", text}});
  }

  [[nodiscard]] std::string close_reasoning() {
    if (open_ != Open::reasoning) return {};
    std::string out = write_at("response.reasoning_text.done", {{"text", text_}});
    open_ = Open::nothing;
    return out += done(reasoning_item(item_id("rs"), "completed", text_));
  }

  [[nodiscard]] static Json logprobs_of(const std::vector<TokenLogprob>& tokens) {
    return tokens.empty() ? Json::array() : chat_logprobs(tokens)["content"];
  }

  [[nodiscard]] std::string open_message() {
    open_ = Open::message;
    text_.clear();
    logprobs_ = Json::array();
    std::string out =
        write("response.output_item.added",
              {{"output_index", output_.size()}, {"item", message_item(item_id("msg"), "in_progress", Json::array())}});
    return out += write_at("response.content_part.added", {{"part", text_part("", Json::array())}});
  }

  [[nodiscard]] std::string text_delta(const Piece& piece) {
    std::string out = open_ == Open::message ? "" : open_message();
    Json logprobs = logprobs_of(piece.logprobs);
    text_ += piece.text;
    logprobs_.insert(logprobs_.end(), logprobs.begin(), logprobs.end());
    return out += write_at("response.output_text.delta", {{"delta", piece.text}, {"logprobs", std::move(logprobs)}});
  }

  [[nodiscard]] std::string close_message(const char* status) {
    if (open_ != Open::message) return {};
    open_ = Open::nothing;
    const Json part = text_part(text_, logprobs_);
    Json item = message_item(item_id("msg"), status, Json::array({part}));
    std::string out = write_at("response.output_text.done", {{"text", text_}, {"logprobs", logprobs_}});
    out += write_at("response.content_part.done", {{"part", part}});
    return out += done(std::move(item));
  }

  [[nodiscard]] std::string whole_call(const ToolCall& call) {
    const std::string id = item_id("fc");
    const std::size_t index = output_.size();
    std::string out = write("response.output_item.added",
                            {{"output_index", index}, {"item", call_item(id, "in_progress", call, "")}});
    out += write("response.function_call_arguments.delta",
                 {{"item_id", id}, {"output_index", index}, {"delta", call.arguments}});
    out += write("response.function_call_arguments.done",
                 {{"item_id", id}, {"output_index", index}, {"name", call.name}, {"arguments", call.arguments}});
    return out += done(call_item(id, "completed", call, call.arguments));
  }

  [[nodiscard]] std::string done(Json item) {
    std::string out = write("response.output_item.done", {{"output_index", output_.size()}, {"item", item}});
    output_.push_back(std::move(item));
    return out;
  }

  Json asked_;
  ResponseMeta meta_;
  bool begun_ = false;
  std::size_t sequence_ = 0;
  Json output_ = Json::array();  // what is done
  enum class Open { nothing, reasoning, message };
  Open open_ = Open::nothing;
  std::string text_;  // of what is open
  Json logprobs_ = Json::array();
  Finish finish_ = Finish::stop;
};

// Items to messages as templates know them: an answer's text and its calls are one message there.
class ItemReader {
 public:
  explicit ItemReader(std::vector<engine::ChatMessage>& messages) : messages_(messages) {}

  void read(const Json& json, const std::string& path) {
    Fields item(json, path);
    item.ignore({"id", "status"});
    const std::string type = item.text("type").value_or("message");
    if (type == "message")
      add_message(item);
    else if (type == "function_call")
      add_call(item);
    else if (type == "function_call_output")
      add_output(item);
    else if (type == "item_reference")
      item.fail("type", "is 'item_reference', and nothing is stored here");
    else if (type == "reasoning")
      return;  // thoughts of the past are not shown again
    else
      item.fail("type", fmt::format("is '{}', which is not understood here", type));
    refuse_unknown(item);
  }

 private:
  void add_message(Fields& item) {
    engine::ChatMessage message;
    message.role = item.need_text("role");
    if (message.role == "developer") message.role = "system";  // the newer name of the same
    if (message.role != "system" && message.role != "user" && message.role != "assistant")
      item.fail("role", fmt::format("is '{}'; it must be system, developer, user or assistant", message.role));
    message.content = read_content(item.need("content"), item.path_of("content"));
    item.ignore({"phase"});
    messages_.push_back(std::move(message));
  }

  void add_call(Fields& item) {
    const Json call{{"id", item.need_text("call_id")},
                    {"function", {{"name", item.need_text("name")}, {"arguments", item.need_text("arguments")}}}};
    if (messages_.empty() || messages_.back().role != "assistant")
      messages_.push_back({.role = "assistant", .content = ""});
    for (const Json& one : calls_for_template(Json::array({call}), item.path_of("arguments")))
      messages_.back().extra["tool_calls"].push_back(one);
  }

  void add_output(Fields& item) {
    messages_.push_back({.role = "tool",
                         .content = read_content(item.need("output"), item.path_of("output")),
                         .extra = {{"tool_call_id", item.need_text("call_id")}}});
  }

  std::vector<engine::ChatMessage>& messages_;
};

void read_input(Fields& fields, ChatPrompt& chat) {
  const Json& input = fields.need("input");
  if (input.is_string()) {
    chat.messages.push_back({.role = "user", .content = input.get<std::string>()});
    return;
  }
  if (!input.is_array() || input.empty()) fields.fail("input", "must be a string or a list of at least one item");
  ItemReader reader(chat.messages);
  for (std::size_t i = 0; i < input.size(); ++i) reader.read(input[i], fmt::format("input[{}]", i));
}

ChatPrompt read_chat(Fields& fields) {
  ChatPrompt chat;
  if (const auto instructions = fields.text("instructions"))
    chat.messages.push_back({.role = "system", .content = *instructions});
  read_input(fields, chat);
  if (const Json* tools = fields.find("tools")) chat.tools = read_tools(*tools, "tools");
  if (const Json* choice = fields.find("tool_choice")) chat.tool_choice = read_tool_choice(*choice, "tool_choice");
  chat.parallel_tool_calls = fields.flag("parallel_tool_calls").value_or(true);
  check_tools(chat);
  if (const Json* reasoning = fields.find("reasoning")) {
    Fields inner(*reasoning, "reasoning");
    if (const auto effort = inner.text("effort")) chat.template_values = thinking_values(*effort);
  }
  return chat;
}

void read_text(Fields& fields, TextRequest& request) {
  const Json* text = fields.find("text");
  if (text == nullptr) return;
  Fields inner(*text, "text");
  if (const Json* format = inner.find("format")) request.schema = read_format(*format, inner.path_of("format"));
  inner.ignore({"verbosity"});
  refuse_unknown(inner);
}

// Log-probabilities are asked for by name; how many alternatives is another field.
void read_included(Fields& fields, TextRequest& request) {
  const auto top = fields.whole("top_logprobs", 0, kMostLogprobs);
  bool wanted = top.value_or(0) > 0;
  if (const Json* include = fields.find("include")) {
    if (!include->is_array()) fields.fail("include", "must be a list");
    for (const Json& entry : *include) {
      if (entry == "reasoning.encrypted_content") continue;  // there is none
      if (entry != "message.output_text.logprobs")
        fields.fail("include", fmt::format("has {}, which is not here", to_text(entry)));
      wanted = true;
    }
  }
  if (wanted) request.top_logprobs = static_cast<std::size_t>(top.value_or(0));
}

Json given(const Json& body, const char* key, Json otherwise) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) return otherwise;
  return *found;
}

Json asked_again(const Json& body) {
  return {{"background", false},
          {"instructions", given(body, "instructions", nullptr)},
          {"max_output_tokens", given(body, "max_output_tokens", nullptr)},
          {"metadata", given(body, "metadata", Json::object())},
          {"parallel_tool_calls", given(body, "parallel_tool_calls", true)},
          {"previous_response_id", nullptr},
          {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
          {"service_tier", "default"},
          {"store", false},
          {"temperature", given(body, "temperature", nullptr)},
          {"text", given(body, "text", {{"format", {{"type", "text"}}}})},
          {"tool_choice", given(body, "tool_choice", "auto")},
          {"tools", given(body, "tools", Json::array())},
          {"top_logprobs", given(body, "top_logprobs", 0)},
          {"top_p", given(body, "top_p", nullptr)},
          {"truncation", "disabled"}};
}

}  // namespace

Asked read_response(const Json& body) {
  Fields fields(body);
  Asked asked;
  TextRequest& request = asked.request;
  request.model = fields.text("model").value_or("");
  fields.refuse("previous_response_id", "nothing is stored; send the whole conversation");
  fields.refuse("conversation", "nothing is stored; send the whole conversation");
  fields.refuse("background", "nothing is stored");
  fields.refuse("prompt", "nothing is stored; send its text as 'instructions'");
  fields.refuse("truncation", "a conversation is taken as it is", "disabled");
  fields.refuse("max_tool_calls", "no tools are run here");
  request.prompt = read_chat(fields);
  request.most_tokens = read_most_tokens(fields, {"max_output_tokens"});
  read_text(fields, request);
  read_sampling(fields, request);
  read_included(fields, request);
  request.stream = fields.flag("stream").value_or(false);
  (void)read_include_usage(fields);  // the last event tells it always
  ignore_openai_fields(fields);
  refuse_unknown(fields);
  asked.writer = std::make_unique<ResponseWriter>(asked_again(body));
  return asked;
}

}  // namespace plimsoll::api
