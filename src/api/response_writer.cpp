#include "response_writer.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "api/answer_check.hpp"
#include "api/sse.hpp"

#include "api/openai_parts.hpp"
#include "tool_fields.hpp"

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

Json summary_part(const std::string& text) { return {{"type", "summary_text"}, {"text", text}}; }

// `as_summary`: for clients that ask for a summary, and read nothing else.
Json reasoning_item(const std::string& id, const char* status, const std::string& text, bool as_summary) {
  Json summary = Json::array();
  Json content = Json::array();
  if (!text.empty() && as_summary) summary.push_back(summary_part(text));
  if (!text.empty() && !as_summary) content.push_back({{"type", "reasoning_text"}, {"text", text}});
  return {{"id", id}, {"type", "reasoning"}, {"status", status}, {"summary", summary}, {"content", content}};
}

// Functions of namespaces, by the names that they have here.
using Namespaces = std::map<std::string, std::pair<std::string, std::string>>;

std::string text_at(const Json& object, const char* key) {
  const Json found = object.is_object() ? object.value(key, Json()) : Json();
  return found.is_string() ? found.get<std::string>() : std::string();
}

Namespaces namespaces_in(const Json& tools) {
  Namespaces out;
  for (const Json& tool : tools) {
    if (text_at(tool, "type") != "namespace" || !tool.contains("tools")) continue;
    const std::string space = text_at(tool, "name");
    for (const Json& function : tool["tools"]) {
      const std::string name = text_at(function, "name");
      out.try_emplace(name_in_namespace(space, name), space, name);
    }
  }
  return out;
}

Json call_item(const std::string& id, const char* status, const ToolCall& call, const std::string& arguments,
               const Namespaces& namespaces) {
  Json out{{"id", id},           {"type", "function_call"}, {"status", status},
           {"call_id", call.id}, {"name", call.name},       {"arguments", arguments}};
  const auto found = namespaces.find(call.name);
  if (found == namespaces.end()) return out;
  out["name"] = found->second.second;
  out["namespace"] = found->second.first;
  return out;
}

// An answer is a list of items: thoughts, messages, of which each has one part here, and calls. Events are counted as
// they are written, so they are appended one by one: the order within a + b is the compiler's.
class ResponseWriter final : public AnswerWriter {
 public:
  // `asked`: the members of a response that repeat the request.
  ResponseWriter(Json asked, bool tells_thoughts)
      : asked_(std::move(asked)),
        tells_thoughts_(tells_thoughts),
        summarizes_(!asked_.at("reasoning").at("summary").is_null()),
        namespaces_(namespaces_in(asked_.at("tools"))) {}

  std::string begin(const ResponseMeta& meta) override {
    meta_ = meta;
    begun_ = true;
    const Json response = frame("in_progress");
    std::string out = write("response.created", {{"response", response}});
    return out += write("response.in_progress", {{"response", response}});
  }

  // Codex's client looks at response.failed alone, and that is about a response.
  std::string begin_to_fail(const ResponseMeta& meta) override { return begin(meta); }

  std::string progress(const PromptProgress& progress) override {
    return write("response.in_progress",
                 {{"response", frame("in_progress")}, {"prompt_progress", progress_json(progress)}});
  }

  std::string piece(const Piece& piece) override {
    std::string out;
    timings_ = piece.timings;
    if (!piece.reasoning.empty()) thinks_ = true;
    if (!piece.reasoning.empty() && tells_thoughts_) out += reasoning_delta(piece.reasoning);
    const bool says_something = !piece.text.empty() || (!piece.logprobs.empty() && !thinks_);
    if (says_something || !piece.tool_calls.empty()) thinks_ = false;
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
    finished_ = finished(finish_, usage);
    Json members{{"response", finished_}};
    if (usage.timings) members["timings"] = timings_json(*usage.timings);  // where llama-server has them
    return write(finish_ == Finish::length ? "response.incomplete" : "response.completed", members);
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

  Json items() const override { return output_; }
  Json finished_answer() const override { return finished_; }

  Json whole(const Answer& answer) override {
    meta_ = answer.meta;
    const Choice none;
    const Choice& choice = answer.choices.empty() ? none : answer.choices.front();
    if (!choice.reasoning.empty() && tells_thoughts_) output_.push_back(thoughts("completed", choice.reasoning));
    if (!choice.text.empty() || choice.tool_calls.empty()) {
      Json content = Json::array({text_part(choice.text, logprobs_of(choice.logprobs))});
      output_.push_back(message_item(item_id("msg"), status_of(choice.finish), std::move(content)));
    }
    for (const ToolCall& call : choice.tool_calls)
      output_.push_back(call_item(item_id("fc"), "completed", call, call.arguments, namespaces_));
    finished_ = finished(choice.finish, answer.usage);
    return finished_;
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
    if (usage.timings) out["timings"] = timings_json(*usage.timings);
    add_schema_check(out, usage.schema_check);
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
    const bool thinks = open_ == Open::reasoning;
    Json out{{"item_id", item_id(thinks ? "rs" : "msg")},
             {"output_index", output_.size()},
             {thinks && summarizes_ ? "summary_index" : "content_index", 0}};
    out.update(members);
    return write(type, out);
  }

  [[nodiscard]] Json with_times(Json members) const {
    if (timings_) members["timings"] = timings_json(*timings_);
    return members;
  }

  [[nodiscard]] Json thoughts(const char* status, const std::string& text) const {
    return reasoning_item(item_id("rs"), status, text, summarizes_);
  }

  [[nodiscard]] std::string reasoning_delta(const std::string& text) {
    std::string out;
    if (open_ == Open::nothing) {
      open_ = Open::reasoning;
      text_.clear();
      out += write("response.output_item.added",
                   {{"output_index", output_.size()}, {"item", thoughts("in_progress", "")}});
      if (summarizes_) out += write_at("response.reasoning_summary_part.added", {{"part", summary_part("")}});
    }
    text_ += text;
    return out += write_at(summarizes_ ? "response.reasoning_summary_text.delta" : "response.reasoning_text.delta",
                           with_times({{"delta", text}}));
  }

  [[nodiscard]] std::string close_reasoning() {
    if (open_ != Open::reasoning) return {};
    std::string out = write_at(summarizes_ ? "response.reasoning_summary_text.done" : "response.reasoning_text.done",
                               {{"text", text_}});
    if (summarizes_) out += write_at("response.reasoning_summary_part.done", {{"part", summary_part(text_)}});
    open_ = Open::nothing;
    return out += done(thoughts("completed", text_));
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
    return out += write_at("response.output_text.delta",
                           with_times({{"delta", piece.text}, {"logprobs", std::move(logprobs)}}));
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
                            {{"output_index", index}, {"item", call_item(id, "in_progress", call, "", namespaces_)}});
    out += write("response.function_call_arguments.delta",
                 {{"item_id", id}, {"output_index", index}, {"delta", call.arguments}});
    Json whole = call_item(id, "completed", call, call.arguments, namespaces_);
    out += write("response.function_call_arguments.done",
                 {{"item_id", id}, {"output_index", index}, {"name", whole["name"]}, {"arguments", call.arguments}});
    return out += done(std::move(whole));
  }

  [[nodiscard]] std::string done(Json item) {
    std::string out = write("response.output_item.done", {{"output_index", output_.size()}, {"item", item}});
    output_.push_back(std::move(item));
    return out;
  }

  Json asked_;
  bool tells_thoughts_;
  bool thinks_ = false;  // what came last was a thought
  bool summarizes_;
  Namespaces namespaces_;
  ResponseMeta meta_;
  bool begun_ = false;
  std::size_t sequence_ = 0;
  Json output_ = Json::array();  // what is done
  Json finished_;                // the whole, at its end
  enum class Open { nothing, reasoning, message };
  Open open_ = Open::nothing;
  std::string text_;  // of what is open
  Json logprobs_ = Json::array();
  std::optional<Timings> timings_;  // of the piece that is written
  Finish finish_ = Finish::stop;
};

}  // namespace

std::unique_ptr<AnswerWriter> make_response_writer(Json asked, bool tells_thoughts) {
  return std::make_unique<ResponseWriter>(std::move(asked), tells_thoughts);
}

}  // namespace plimsoll::api
