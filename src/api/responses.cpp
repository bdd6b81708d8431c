// OpenAI's /v1/responses. What is read here is a whole conversation: the server has put in what a request refers to.
#include <fmt/format.h>

#include <algorithm>

#include "api/dialect.hpp"
#include "api/unknown_fields.hpp"

#include "api/openai_parts.hpp"
#include "response_writer.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

// Items to messages as templates know them: an answer's text and its calls are one message there.
class ItemReader {
 public:
  ItemReader(std::vector<engine::ChatMessage>& messages, MediaList& media) : messages_(messages), media_(media) {}

  void read(const Json& json, const std::string& path) {
    Fields item(json, path);
    item.ignore({"id", "status", "namespace"});
    const std::string type = item.text("type").value_or("message");
    if (type == "message")
      add_message(item);
    else if (type == "function_call")
      add_call(item, name_of(item), item.need("arguments"));
    else if (type == "custom_tool_call")  // its input is text; templates have places for JSON
      add_call(item, item.need("name"), Json{{"input", item.need("input")}});
    else if (type == "local_shell_call")
      add_call(item, "local_shell", item.need("action"));
    else if (type.ends_with("call_output"))
      add_output(item);
    else if (type == "item_reference")
      item.fail("type",
                "is 'item_reference', and an item of this id is not (or no more) kept here: send it whole, which "
                "clients do when they are told \"store\": false");
    else if (type == "reasoning")
      return keep_thoughts(item);
    else
      return UnknownFields::met(fmt::format("{}.type={}", path, type), "it is not understood here");
    item.pass_over_unknown();
  }

 private:
  void add_message(Fields& item) {
    engine::ChatMessage message;
    message.role = item.need_text("role");
    if (message.role == "developer") message.role = "system";  // the newer name of the same
    if (message.role != "system" && message.role != "user" && message.role != "assistant")
      item.fail("role", fmt::format("is '{}'; it must be system, developer, user or assistant", message.role));
    message.content =
        read_content(item.need("content"), item.path_of("content"), message.role == "assistant" ? nullptr : &media_);
    item.ignore({"phase"});
    if (message.role == "assistant") add_thoughts(message);
    messages_.push_back(std::move(message));
  }

  // They belong to what the model said or did next.
  void keep_thoughts(Fields& item) {
    for (const char* key : {"content", "summary"}) {
      const Json* parts = item.find(key);
      if (parts == nullptr || !parts->is_array() || !thoughts_.empty()) continue;
      for (const Json& part : *parts) {
        if (part.is_object() && part.contains("text") && part["text"].is_string()) thoughts_ += part["text"];
      }
    }
    item.ignore({"encrypted_content"});
    item.pass_over_unknown();
  }

  void add_thoughts(engine::ChatMessage& message) {
    if (!thoughts_.empty()) message.extra["reasoning_content"] = std::exchange(thoughts_, {});
  }

  // Older calls of a shell have an id alone.
  [[nodiscard]] static std::string call_id(Fields& item) {
    if (const auto id = item.text("call_id")) return *id;
    const auto own = item.text("type").value_or("").starts_with("local_shell") ? item.text("id") : std::nullopt;
    return own ? *own : item.need_text("call_id");
  }

  [[nodiscard]] static Json name_of(Fields& item) {
    const auto space = item.text("namespace");
    const Json& name = item.need("name");
    return space && !space->empty() && name.is_string() ? Json(name_in_namespace(*space, name.get<std::string>()))
                                                        : name;
  }

  void add_call(Fields& item, const Json& name, const Json& arguments) {
    const Json call{{"id", call_id(item)}, {"function", {{"name", name}, {"arguments", arguments}}}};
    if (messages_.empty() || messages_.back().role != "assistant")
      messages_.push_back({.role = "assistant", .content = ""});
    add_thoughts(messages_.back());
    for (const Json& one : calls_for_template(Json::array({call}), item.path_of("arguments")))
      messages_.back().extra["tool_calls"].push_back(one);
  }

  // Some tools give lists of objects that are no parts, or one: a model can read those as JSON.
  [[nodiscard]] std::string read_output(const Json& output, const std::string& path) {
    const auto is_part = [](const Json& one) { return one.is_string() || (one.is_object() && one.contains("type")); };
    if (output.is_object() || (output.is_array() && !std::ranges::all_of(output, is_part))) return to_text(output);
    return read_content(output, path, &media_, true);
  }

  void add_output(Fields& item) {
    messages_.push_back({.role = "tool",
                         .content = read_output(item.need("output"), item.path_of("output")),
                         .extra = {{"tool_call_id", call_id(item)}}});
    thoughts_.clear();
  }

  std::vector<engine::ChatMessage>& messages_;
  MediaList& media_;
  std::string thoughts_{};
};

void read_input(Fields& fields, ChatPrompt& chat, MediaList& media) {
  const Json& input = fields.need("input");
  if (input.is_string()) {
    chat.messages.push_back({.role = "user", .content = input.get<std::string>()});
    return;
  }
  if (!input.is_array() || input.empty()) fields.fail("input", "must be a string or a list of at least one item");
  ItemReader reader(chat.messages, media);
  for (std::size_t i = 0; i < input.size(); ++i) reader.read(input[i], fmt::format("input[{}]", i));
  if (chat.messages.empty()) fields.fail("input", "holds nothing that is understood here");
}

ChatPrompt read_responses_chat(Fields& fields, MediaList& media) {
  ChatPrompt chat;
  if (const auto instructions = fields.text("instructions"))
    chat.messages.push_back({.role = "system", .content = *instructions});
  read_input(fields, chat, media);
  read_going_on(fields, chat);
  read_tools_and_choice(fields, chat);
  return chat;
}

void read_text(Fields& fields, TextRequest& request) {
  const Json* text = fields.find("text");
  if (text == nullptr) return;
  Fields inner(*text, "text");
  if (const Json* format = inner.find("format")) read_format(*format, inner.path_of("format"), request);
  inner.pass_over("verbosity", "models are not told", "medium");
  inner.pass_over_unknown();
}

// Log-probabilities are asked for by name; how many alternatives is another field.
void read_included(Fields& fields, TextRequest& request) {
  const auto top = fields.whole("top_logprobs", 0, kMostLogprobs);
  bool wanted = top.value_or(0) > 0;
  if (const Json* include = fields.find("include")) {
    if (!include->is_array()) fields.fail("include", "must be a list");
    for (const Json& entry : *include) {
      if (entry == "reasoning.encrypted_content") continue;  // there is none
      if (entry == "message.output_text.logprobs")
        wanted = true;
      else
        UnknownFields::met(fmt::format("include={}", entry.is_string() ? entry.get<std::string>() : to_text(entry)),
                           "it is not here");
    }
  }
  if (wanted) request.top_logprobs = static_cast<std::size_t>(top.value_or(0));
}

Json given(const Json& body, const char* key, Json otherwise) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) return otherwise;
  return *found;
}

// The thoughts of the models here are no secret: a summary of them is all of them.
Json reasoning_asked(const Json& body) {
  const Json asked = given(body, "reasoning", Json::object());
  const auto member = [&](const char* key) { return asked.is_object() ? given(asked, key, nullptr) : Json(nullptr); };
  const Json older = member("generate_summary");
  return {{"effort", member("effort")}, {"summary", older.is_null() ? member("summary") : older}};
}

Json asked_again(const Json& body) {
  return {{"background", false},
          {"instructions", given(body, "instructions", nullptr)},
          {"max_output_tokens", given(body, "max_output_tokens", nullptr)},
          {"metadata", given(body, "metadata", Json::object())},
          {"parallel_tool_calls", given(body, "parallel_tool_calls", true)},
          {"previous_response_id", given(body, "previous_response_id", nullptr)},
          {"reasoning", reasoning_asked(body)},
          {"service_tier", "default"},
          {"store", given(body, "store", true)},
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
  (void)fields.text("previous_response_id");  // what it stands for is in the input already
  fields.refuse("conversation", "none is kept here; send all of it, or an answer's id as 'previous_response_id'");
  fields.refuse("prompt", "prompts are not kept here; send its text as 'instructions'");
  fields.pass_over("background", "the answer comes at once");
  fields.pass_over("truncation", "a conversation is taken as it is", "disabled");
  fields.pass_over("max_tool_calls", "no tools are run here");
  ChatPrompt chat = read_responses_chat(fields, request.media);
  const bool tells_thoughts = read_thinking(fields, request, chat);
  request.prompt = std::move(chat);
  (void)read_limits(fields, request, {"max_output_tokens", "max_tokens"});
  request.stop_strings = read_stop_strings(fields, {"stop"});
  read_form(fields, request);
  read_text(fields, request);
  read_sampling(fields, request);
  read_included(fields, request);
  read_reports(fields, request);
  read_adapters(fields, request);
  read_slot(fields, request);
  read_keep_alive(fields, request);
  request.stream = fields.flag("stream").value_or(false);
  (void)read_include_usage(fields);  // the last event tells it always
  ignore_openai_fields(fields);
  pass_over_others_fields(fields);
  fields.pass_over_unknown();
  asked.writer = make_response_writer(asked_again(body), tells_thoughts);
  return asked;
}

}  // namespace plimsoll::api
