// OpenAI's /v1/chat/completions.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "api/answer_check.hpp"
#include "api/dialect.hpp"
#include "api/sse.hpp"
#include "api/tool_calls.hpp"

#include "api/openai_parts.hpp"
#include "llama_writer.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

struct ChatForm {
  bool include_usage = false;
  bool thoughts = true;   // are told
  bool one_call = false;  // in the form before there were tools
  bool after_sampling = false;
  VerboseAnswer verbose{};
};

class ChatCompletionWriter final : public AnswerWriter {
 public:
  explicit ChatCompletionWriter(ChatForm form) : form_(std::move(form)) {}

  std::string begin(const ResponseMeta& meta) override {
    meta_ = meta;
    return {};  // each choice opens itself
  }

  std::string progress(const PromptProgress& progress) override {
    Json out = frame();
    out["choices"] = Json::array(
        {{{"index", progress.choice}, {"delta", Json::object()}, {"logprobs", nullptr}, {"finish_reason", nullptr}}});
    out["prompt_progress"] = progress_json(progress);
    return event(out);
  }

  std::string piece(const Piece& piece) override {
    std::string out = opening(piece.choice);
    timings_ = piece.timings;
    schema_check_.reset();
    if (form_.thoughts && !piece.reasoning.empty())
      out += chunk(piece.choice, {{"reasoning_content", piece.reasoning}}, nullptr, nullptr);
    const Json logprobs = logprobs_json(piece.logprobs);
    if (!piece.text.empty() || !piece.logprobs.empty())
      out += chunk(piece.choice, {{"content", piece.text}}, nullptr, logprobs);
    for (const ToolCall& call : piece.tool_calls)
      out += chunk(piece.choice, call_delta(call, piece.choice), nullptr, nullptr);
    return out;
  }

  std::string end_of_choice(const ChoiceEnd& end) override {
    std::string out = opening(end.choice);
    timings_ = end.timings;
    schema_check_ = end.schema_check;
    Json last = chunk_json(end.choice, Json::object(), reason(end.finish), nullptr);
    form_.verbose.add(
        last, meta_,
        {.finish = end.finish, .stop_string = end.stop_string, .timings = end.timings.value_or(Timings{})});
    return out += event(last);
  }

  std::string end(const Usage& usage) override { return end_of_stream(frame(), usage, form_.include_usage); }

  std::string failure(const Problem& problem) override { return event(error_body(problem, ErrorShape::openai)); }

  Json whole(const Answer& answer) override {
    Json choices = Json::array();
    for (const Choice& choice : answer.choices) choices.push_back(choice_json(choice, choices.size()));
    Json out{{"id", "chatcmpl-" + answer.meta.id},
             {"object", "chat.completion"},
             {"created", answer.meta.created},
             {"model", answer.meta.model},
             {"choices", std::move(choices)},
             {"usage", usage_json(answer.usage)},
             {"system_fingerprint", system_fingerprint()}};
    if (answer.usage.timings) out["timings"] = timings_json(*answer.usage.timings);
    add_schema_check(out, answer.usage.schema_check);
    if (!answer.choices.empty()) form_.verbose.add(out, answer.meta, answer.choices.front());
    return out;
  }

 private:
  [[nodiscard]] Json frame() const {
    return {{"id", "chatcmpl-" + meta_.id},
            {"object", "chat.completion.chunk"},
            {"created", meta_.created},
            {"model", meta_.model},
            {"system_fingerprint", system_fingerprint()}};
  }

  [[nodiscard]] std::string chunk(std::size_t choice, Json delta, Json finish, Json logprobs) const {
    return event(chunk_json(choice, std::move(delta), std::move(finish), std::move(logprobs)));
  }

  [[nodiscard]] Json chunk_json(std::size_t choice, Json delta, Json finish, Json logprobs) const {
    Json out = frame();
    out["choices"] = Json::array({{{"index", choice},
                                   {"delta", std::move(delta)},
                                   {"logprobs", std::move(logprobs)},
                                   {"finish_reason", std::move(finish)}}});
    if (form_.include_usage) out["usage"] = nullptr;
    if (timings_) out["timings"] = timings_json(*timings_);
    add_schema_check(out, schema_check_);
    return out;
  }

  // The first delta of a choice says who speaks, and nothing else.
  [[nodiscard]] std::string opening(std::size_t choice) {
    if (!calls_.try_emplace(choice, 0).second) return {};
    timings_.reset();
    schema_check_.reset();
    return chunk(choice, {{"role", "assistant"}, {"content", nullptr}}, nullptr, nullptr);
  }

  [[nodiscard]] Json call_delta(const ToolCall& call, std::size_t choice) {
    if (form_.one_call) return {{"function_call", tool_call_json(call)["function"]}};
    Json delta = tool_call_json(call);
    delta["index"] = calls_[choice]++;
    return {{"tool_calls", Json::array({std::move(delta)})}};
  }

  [[nodiscard]] Json logprobs_json(const std::vector<TokenLogprob>& tokens) const {
    if (tokens.empty()) return nullptr;
    if (form_.after_sampling) return {{"content", probabilities_json(tokens, true)}};
    return chat_logprobs(tokens);
  }

  [[nodiscard]] const char* reason(Finish finish) const {
    return form_.one_call && finish == Finish::tool_calls ? "function_call" : finish_reason(finish);
  }

  void add_calls(Json& message, const std::vector<ToolCall>& calls) const {
    if (form_.one_call) {
      message["function_call"] = tool_call_json(calls.front())["function"];
      return;
    }
    message["tool_calls"] = Json::array();
    for (const ToolCall& call : calls) message["tool_calls"].push_back(tool_call_json(call));
  }

  [[nodiscard]] Json choice_json(const Choice& choice, std::size_t index) const {
    Json message{{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}};
    // As DeepSeek and llama-server do.
    if (form_.thoughts && !choice.reasoning.empty()) message["reasoning_content"] = choice.reasoning;
    if (!choice.tool_calls.empty()) {
      if (choice.text.empty()) message["content"] = nullptr;
      add_calls(message, choice.tool_calls);
    }
    return {{"index", index},
            {"message", std::move(message)},
            {"logprobs", logprobs_json(choice.logprobs)},
            {"finish_reason", reason(choice.finish)}};
  }

  ChatForm form_;
  ResponseMeta meta_;
  std::optional<Timings> timings_;  // of what is written
  std::optional<SchemaVerdict> schema_check_;
  std::map<std::size_t, std::size_t> calls_;  // by choice: how many it has made; none: it has not opened
};

// Where a message's thoughts stand: DeepSeek's and llama-server's name, OpenRouter's, Ollama's.
std::optional<std::string> read_thoughts(Fields& fields) {
  std::optional<std::string> thoughts;
  for (const char* key : {"reasoning_content", "reasoning", "thinking"}) {
    if (const auto given = fields.text(key); given && !thoughts) thoughts = given;
  }
  const Json* details = fields.find("reasoning_details");
  if (details == nullptr || thoughts || !details->is_array()) return thoughts;
  for (const Json& one : *details) {
    const auto text = one.is_object() ? one.find("text") : one.end();
    if (!one.is_object() || text == one.end() || !text->is_string()) continue;
    if (!thoughts) thoughts.emplace();
    *thoughts += text->get_ref<const std::string&>();  // in place: there may be any number
  }
  return thoughts;
}

// The form before there were tools: an answer has one call, without an id.
Json call_before_tools(const Json& call, const std::string& path) {
  return calls_for_template(Json::array({{{"id", ""}, {"function", call}}}), path);
}

void read_tool_message(Fields& fields, engine::ChatMessage& message) {
  const auto id = fields.text("tool_call_id");
  const auto name = fields.text("tool_name");  // Ollama's
  message.role = "tool";
  message.extra["tool_call_id"] = id.value_or("");
  if (name) message.extra["name"] = *name;
}

// `control` and `document` (which a name of it may follow) are Granite's: its template writes them as they are.
bool is_role(const std::string& role) {
  static constexpr std::array<const char*, 6> kRoles{"system", "user", "assistant", "tool", "function", "control"};
  return std::ranges::contains(kRoles, role) || role == "document" || role.starts_with("document ");
}

engine::ChatMessage read_message_of(const Json& json, const std::string& path, MediaList& media) {
  Fields fields(json, path);
  engine::ChatMessage message;
  message.role = fields.need_text("role");
  if (message.role == "developer") message.role = "system";  // the newer name of the same
  if (!is_role(message.role))
    fields.fail("role", fmt::format("is '{}'; it must be system, developer, user, assistant or tool", message.role));
  const bool of_a_tool = message.role == "tool" || message.role == "function";
  if (const Json* content = fields.find("content"))
    message.content =
        read_content(*content, fields.path_of("content"), message.role == "assistant" ? nullptr : &media, of_a_tool);
  if (const Json* calls = fields.find("tool_calls"); calls != nullptr && *calls != Json::array())
    message.extra["tool_calls"] = calls_for_template(*calls, fields.path_of("tool_calls"));
  if (const Json* call = fields.find("function_call"); call != nullptr && message.role == "assistant")
    message.extra["tool_calls"] = call_before_tools(*call, fields.path_of("function_call"));
  if (const auto name = fields.text("name")) message.extra["name"] = *name;
  if (of_a_tool) read_tool_message(fields, message);
  if (const auto thoughts = read_thoughts(fields)) message.extra["reasoning_content"] = *thoughts;
  if (const Json* images = fields.find("images"); images != nullptr && message.role == "user" && !images->empty())
    message.content.insert(0, read_media_texts(*images, fields.path_of("images"), media));  // Ollama's
  else
    fields.refuse("images", "pictures stand in what the user says", Json::array());
  // What earlier answers carry, and clients send back.
  fields.ignore({"refusal", "audio", "annotations", "id", "timestamp", "metadata", "sender", "model", "usage", "phase",
                 "stop_reason", "finish_reason", "cache_control", "prefix", "provider_specific_fields", "tool_name",
                 "tool_call_id"});
  fields.pass_over_unknown();
  return message;
}

void read_logprobs(Fields& fields, TextRequest& request) {
  const bool wanted = fields.flag("logprobs").value_or(false);
  const auto top = fields.whole("top_logprobs", 0, kMostLogprobs);
  if (top.value_or(0) > 0 && !wanted) fields.fail("top_logprobs", "needs 'logprobs' to be true");
  if (wanted) request.top_logprobs = static_cast<std::size_t>(top.value_or(0));
}

// The parts of a message that is gone on with, as llama-server joins them.
std::string joined_parts(const Json& parts) {
  std::string out;
  for (const Json& part : parts) {
    if (!out.empty()) out += "\n\n";
    out += read_content(Json::array({part}), "messages[].content", nullptr);
  }
  return out;
}

bool is_the_models(const engine::ChatMessage& message) { return message.role == "assistant"; }

ChatPrompt read_messages(Fields& fields, MediaList& media) {
  ChatPrompt chat;
  const Json& messages = fields.need("messages");
  if (!messages.is_array() || messages.empty()) fields.fail("messages", "must be a list of at least one message");
  for (std::size_t i = 0; i < messages.size(); ++i)
    chat.messages.push_back(read_message_of(messages[i], fmt::format("messages[{}]", i), media));
  read_going_on(fields, chat);
  const std::size_t count = chat.messages.size();
  if (chat.goes_on && count > 1 && is_the_models(chat.messages[count - 2]))
    fields.fail("messages", "ends with two messages of the assistant's, and an answer goes on with one");
  const auto content = messages.back().find("content");
  if (chat.goes_on && content != messages.back().end() && content->is_array())
    chat.messages.back().content = joined_parts(*content);
  return chat;
}

}  // namespace

Asked read_chat_completion(const Json& body) {
  Fields fields(body);
  Asked asked;
  TextRequest& request = asked.request;
  ChatForm form;
  request.model = fields.text("model").value_or("");
  ChatPrompt chat = read_messages(fields, request.media);
  read_tools_and_choice(fields, chat);
  form.one_call = read_functions(fields, chat);
  form.thoughts = read_thinking(fields, request, chat);
  request.prompt = std::move(chat);
  read_number_of_answers(fields, request);
  (void)read_limits(fields, request, {"max_completion_tokens", "max_tokens", "n_predict", "max_new_tokens"});
  request.stop_strings = read_stop_strings(fields, {"stop", "stop_sequences"});
  read_form(fields, request);
  read_sampling(fields, request);
  read_logprobs(fields, request);
  read_after_sampling(fields, request);
  form.after_sampling = request.after_sampling;
  read_reports(fields, request);
  read_adapters(fields, request);
  read_slot(fields, request);
  read_keep_alive(fields, request);
  request.echo = fields.flag("echo").value_or(false);
  request.stream = fields.flag("stream").value_or(false);
  read_best_of(fields, request);
  form.include_usage = read_include_usage(fields);
  form.verbose.read(fields, request);
  ignore_openai_fields(fields);
  pass_over_others_fields(fields);
  fields.pass_over("verbosity", "models are not told", "medium");
  fields.pass_over_unknown();
  asked.writer = std::make_unique<ChatCompletionWriter>(std::move(form));
  return asked;
}

}  // namespace plimsoll::api
