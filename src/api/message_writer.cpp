#include "message_writer.hpp"

#include <utility>

#include "api/answer_check.hpp"
#include "api/json_text.hpp"
#include "api/sse.hpp"

#include "api/openai_parts.hpp"

namespace plimsoll::api {
namespace {

// Tokens that were in memory already are not part of "input_tokens" here.
Json usage_of(std::size_t prompt, std::size_t cached, std::size_t completion) {
  return {{"input_tokens", prompt - cached},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", cached},
          {"output_tokens", completion}};
}

const char* stop_reason(Finish finish, const std::string& stop_string) {
  if (finish == Finish::length) return "max_tokens";
  if (finish == Finish::tool_calls) return "tool_use";
  return stop_string.empty() ? "end_turn" : "stop_sequence";
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json input_of(const ToolCall& call) {
  return json_inside(call.arguments.empty() ? "{}" : call.arguments).value_or(Json(call.arguments));
}

Json tool_use(const ToolCall& call, Json input) {
  return {{"type", "tool_use"}, {"id", call.id}, {"name", call.name}, {"input", std::move(input)}};
}

// One answer: a list of blocks, which streams open and close one after the other.
class MessageWriter final : public AnswerWriter {
 public:
  // `thoughts`: they were asked for; else they are left out.
  explicit MessageWriter(bool thoughts) : thoughts_(thoughts) {}

  std::string begin(const ResponseMeta& meta) override {
    Json message = frame(meta);
    message["content"] = Json::array();
    message["stop_reason"] = nullptr;
    message["stop_sequence"] = nullptr;
    message["usage"] = usage_of(meta.prompt_tokens, meta.cached_tokens, 0);
    return write("message_start", {{"message", std::move(message)}});
  }

  std::string heartbeat() const override { return write("ping", Json::object()); }

  std::string piece(const Piece& piece) override {
    std::string out;
    if (thoughts_ && !piece.reasoning.empty()) {
      if (!open_) out += open({{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
      thinking_ = true;
      out += delta({{"type", "thinking_delta"}, {"thinking", piece.reasoning}});
    }
    if (!piece.text.empty()) {
      if (std::exchange(thinking_, false)) out += close();
      if (!open_) out += open({{"type", "text"}, {"text", ""}});
      out += delta({{"type", "text_delta"}, {"text", piece.text}});
    }
    for (const ToolCall& call : piece.tool_calls) {
      thinking_ = false;
      out += close();
      out += open(tool_use(call, Json::object()));
      out += delta({{"type", "input_json_delta"}, {"partial_json", call.arguments}});
      out += close();
    }
    return out;
  }

  std::string end_of_choice(const ChoiceEnd& end) override {
    end_ = end;
    return close();
  }

  std::string end(const Usage& usage) override {
    Json delta{{"stop_reason", stop_reason(end_.finish, end_.stop_string)},
               {"stop_sequence", text_or_null(end_.stop_string)}};
    Json members{{"delta", std::move(delta)},
                 {"usage", usage_of(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)}};
    if (usage.timings) members["timings"] = timings_json(*usage.timings);
    add_schema_check(members, usage.schema_check);
    return write("message_delta", members) + write("message_stop", Json::object());
  }

  std::string failure(const Problem& problem) override {
    return event(error_body(problem, ErrorShape::anthropic), "error");
  }

  Json whole(const Answer& answer) override {
    const Choice none;
    const Choice& choice = answer.choices.empty() ? none : answer.choices.front();
    Json content = Json::array();
    if (thoughts_ && !choice.reasoning.empty())
      content.push_back({{"type", "thinking"}, {"thinking", choice.reasoning}, {"signature", ""}});
    if (!choice.text.empty()) content.push_back({{"type", "text"}, {"text", choice.text}});
    for (const ToolCall& call : choice.tool_calls) content.push_back(tool_use(call, input_of(call)));
    Json message = frame(answer.meta);
    message["content"] = std::move(content);
    message["stop_reason"] = stop_reason(choice.finish, choice.stop_string);
    message["stop_sequence"] = text_or_null(choice.stop_string);
    message["usage"] = usage_of(answer.usage.prompt_tokens, answer.usage.cached_tokens, answer.usage.completion_tokens);
    if (answer.usage.timings) message["timings"] = timings_json(*answer.usage.timings);
    add_schema_check(message, answer.usage.schema_check);
    return message;
  }

 private:
  [[nodiscard]] static Json frame(const ResponseMeta& meta) {
    return {{"id", "msg_" + meta.id}, {"type", "message"}, {"role", "assistant"}, {"model", meta.model}};
  }

  [[nodiscard]] static std::string write(const char* type, const Json& members) {
    Json out{{"type", type}};
    out.update(members);
    return event(out, type);
  }

  [[nodiscard]] std::string open(Json block) {
    open_ = true;
    return write("content_block_start", {{"index", block_}, {"content_block", std::move(block)}});
  }

  [[nodiscard]] std::string delta(Json delta) const {
    return write("content_block_delta", {{"index", block_}, {"delta", std::move(delta)}});
  }

  [[nodiscard]] std::string close() {
    if (!open_) return {};
    open_ = false;
    return write("content_block_stop", {{"index", block_++}});
  }

  bool thoughts_;
  std::size_t block_ = 0;
  bool open_ = false;      // a block is
  bool thinking_ = false;  // and it is one of thoughts
  ChoiceEnd end_{};
};

}  // namespace

std::unique_ptr<AnswerWriter> make_message_writer(bool with_thoughts) {
  return std::make_unique<MessageWriter>(with_thoughts);
}

}  // namespace plimsoll::api
