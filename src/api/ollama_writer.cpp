// How Ollama writes an answer: lines of JSON, the last of which says done.
#include <chrono>
#include <cmath>

#include "api/answer_check.hpp"
#include "api/json_lines.hpp"
#include "api/json_text.hpp"
#include "base/clock.hpp"

#include "api/openai_parts.hpp"
#include "ollama_fields.hpp"

namespace plimsoll::api {
namespace {

std::int64_t nanoseconds(double ms) { return std::llround(ms * 1e6); }

Json calls_json(const std::vector<ToolCall>& calls) {
  Json out = Json::array();
  for (const ToolCall& call : calls) {
    Json arguments = json_inside(call.arguments).value_or(Json(call.arguments));
    out.push_back({{"id", call.id},
                   {"function", {{"index", out.size()}, {"name", call.name}, {"arguments", std::move(arguments)}}}});
  }
  return out;
}

Json logprobs_json(const std::vector<TokenLogprob>& tokens) {
  Json out = Json::array();
  for (const TokenLogprob& token : tokens) {
    Json one = logprob_json(token);
    if (!token.top.empty()) one["top_logprobs"] = Json::array();
    for (const TokenLogprob& other : token.top) one["top_logprobs"].push_back(logprob_json(other));
    out.push_back(std::move(one));
  }
  return out;
}

class OllamaWriter final : public AnswerWriter {
 public:
  OllamaWriter(std::string model, const OllamaForm& form) : asked_for_(std::move(model)), form_(form) {}

  std::string begin(const ResponseMeta& meta) override {
    meta_ = meta;
    return {};
  }

  // The next line begins with it. An empty line of its own is no JSON, and ends what clients read.
  std::string heartbeat() const override { return " "; }

  std::string piece(const Piece& piece) override {
    written_.insert(written_.end(), piece.tokens.begin(), piece.tokens.end());
    const std::string thoughts = form_.thoughts ? piece.reasoning : "";
    if (piece.text.empty() && thoughts.empty() && piece.tool_calls.empty() && piece.logprobs.empty()) return {};
    Json line = words(piece.text, thoughts, piece.tool_calls);
    line["done"] = false;
    if (!piece.logprobs.empty()) line["logprobs"] = logprobs_json(piece.logprobs);
    return json_line(line);
  }

  std::string end_of_choice(const ChoiceEnd& end) override {
    finish_ = end.finish;
    return {};
  }

  std::string end(const Usage& usage) override {
    Json line = words("", "", {});
    add_end(line, usage);
    return json_line(line);
  }

  std::string failure(const Problem& problem) override { return json_line(error_body(problem, ErrorShape::ollama)); }

  Json whole(const Answer& answer) override {
    meta_ = answer.meta;
    if (answer.choices.empty()) return loaded_or_gone();
    const Choice& choice = answer.choices.front();
    written_ = choice.tokens;
    finish_ = choice.finish;
    Json out = words(choice.text, form_.thoughts ? choice.reasoning : "", choice.tool_calls);
    if (!choice.logprobs.empty()) out["logprobs"] = logprobs_json(choice.logprobs);
    add_end(out, answer.usage);
    return out;
  }

 private:
  [[nodiscard]] Json words(const std::string& text, const std::string& thoughts,
                           const std::vector<ToolCall>& calls) const {
    const Clock::TimePoint created{std::chrono::seconds(meta_.created)};
    Json out{{"model", asked_for_.empty() ? meta_.model : asked_for_}, {"created_at", utc_text(created)}};
    if (!form_.chat) {
      out["response"] = text;
      if (!thoughts.empty()) out["thinking"] = thoughts;
      return out;
    }
    Json message{{"role", "assistant"}, {"content", text}};
    if (!thoughts.empty()) message["thinking"] = thoughts;
    if (!calls.empty()) message["tool_calls"] = calls_json(calls);
    out["message"] = std::move(message);
    return out;
  }

  // A request without words has only loaded the model, or sent it away.
  [[nodiscard]] Json loaded_or_gone() const {
    Json out = words("", "", {});
    out["done"] = true;
    out["done_reason"] = form_.unloads ? "unload" : "load";
    return out;
  }

  void add_end(Json& out, const Usage& usage) const {
    out["done"] = true;
    out["done_reason"] = finish_ == Finish::length ? "length" : "stop";
    if (form_.shows_context) out["context"] = context();
    const Timings timings = usage.timings.value_or(Timings{});
    out["total_duration"] = nanoseconds(usage.total_ms);
    out["load_duration"] = nanoseconds(usage.load_ms);
    out["prompt_eval_count"] = usage.prompt_tokens;
    out["prompt_eval_duration"] = nanoseconds(timings.prompt_ms);
    out["eval_count"] = usage.completion_tokens;
    out["eval_duration"] = nanoseconds(timings.predicted_ms);
    add_schema_check(out, usage.schema_check);
  }

  [[nodiscard]] std::vector<std::int32_t> context() const {
    std::vector<std::int32_t> out = meta_.prompts.empty() ? std::vector<std::int32_t>{} : meta_.prompts.front().tokens;
    out.insert(out.end(), written_.begin(), written_.end());
    return out;
  }

  std::string asked_for_;
  OllamaForm form_;
  ResponseMeta meta_;
  std::vector<std::int32_t> written_;
  Finish finish_ = Finish::stop;
};

}  // namespace

std::unique_ptr<AnswerWriter> ollama_writer(std::string model, const OllamaForm& form) {
  return std::make_unique<OllamaWriter>(std::move(model), form);
}

}  // namespace plimsoll::api
