#include "lm_studio_writer.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll::api {
namespace {

// An answer is a list of items: thoughts, if there are any, and a message. Events are appended one by one: the order
// within a + b is the compiler's.
class LmStudioWriter final : public AnswerWriter {
 public:
  explicit LmStudioWriter(bool is_stored) : is_stored_(is_stored) {}

  std::string begin(const ResponseMeta& meta) override {
    std::string out = begin_to_fail(meta);
    reads_ = true;
    return out += write("prompt_processing.start");
  }

  std::string begin_to_fail(const ResponseMeta& meta) override {
    meta_ = meta;
    return write("chat.start", {{"model_instance_id", meta.model}});
  }

  std::string progress(const PromptProgress& progress) override {
    if (!reads_ || progress.total == 0) return {};
    const double part = static_cast<double>(progress.processed) / static_cast<double>(progress.total);
    return write("prompt_processing.progress", {{"progress", std::min(part, 1.0)}});
  }

  std::string piece(const Piece& piece) override {
    std::string out;
    if (!piece.reasoning.empty()) out += delta("reasoning", piece.reasoning);
    if (!piece.text.empty()) out += delta("message", piece.text);
    return out;
  }

  std::string end_of_choice(const ChoiceEnd&) override {
    // An answer of nothing, and one of thoughts alone, has a message as well.
    std::string out = open("message");
    return out += close();
  }

  std::string end(const Usage& usage) override { return write("chat.end", {{"result", result(usage, is_stored_)}}); }

  std::string failure(const Problem& problem) override {
    std::string out = close();
    out += write("error", error_body(problem, ErrorShape::lm_studio));
    return out += write("chat.end", {{"result", result({}, false)}});  // with what there was
  }

  Json whole(const Answer& answer) override {
    meta_ = answer.meta;
    for (const Choice& choice : answer.choices) {
      if (!choice.reasoning.empty()) add_item("reasoning", choice.reasoning);
      add_item("message", choice.text);
    }
    return result(answer.usage, is_stored_);
  }

  // As those of /v1/responses, which read them, too.
  Json items() const override {
    Json out = Json::array();
    for (const Json& item : output_) {
      const Json& text = item["content"];
      if (item["type"] == "message")
        out.push_back({{"id", "msg_" + meta_.id}, {"type", "message"}, {"role", "assistant"}, {"content", text}});
      else
        out.push_back({{"id", "rs_" + meta_.id},
                       {"type", "reasoning"},
                       {"summary", Json::array()},
                       {"content", Json::array({{{"type", "reasoning_text"}, {"text", text}}})}});
    }
    return out;
  }

 private:
  [[nodiscard]] static std::string write(const std::string& type, const Json& members = Json::object()) {
    Json out{{"type", type}};
    out.update(members);
    return event(out, type);
  }

  void add_item(const char* type, const std::string& text) { output_.push_back({{"type", type}, {"content", text}}); }

  [[nodiscard]] std::string open(const std::string& type) {
    if (open_ == type) return {};
    std::string out = close();
    open_ = type;
    add_item(type.c_str(), "");
    return out += write(type + ".start");
  }

  [[nodiscard]] std::string close() {
    if (std::exchange(reads_, false)) return write("prompt_processing.end");
    if (open_.empty()) return {};
    return write(std::exchange(open_, {}) + ".end");
  }

  [[nodiscard]] std::string delta(const char* type, const std::string& text) {
    std::string out = open(type);
    output_.back()["content"].get_ref<std::string&>() += text;
    return out += write(std::string(type) + ".delta", {{"content", text}});
  }

  // The model is there when the prompt begins to be read: what its load took counts for no token.
  [[nodiscard]] static Json stats(const Usage& usage) {
    const Timings timings = usage.timings.value_or(Timings{});
    const double first_ms = std::max(0.0, usage.total_ms - usage.load_ms - timings.predicted_ms);
    const double rate =
        timings.predicted_ms > 0 ? static_cast<double>(timings.predicted) * 1000 / timings.predicted_ms : 0;
    return {{"input_tokens", usage.prompt_tokens},
            {"total_output_tokens", usage.completion_tokens},
            {"reasoning_output_tokens", usage.reasoning_tokens},
            {"tokens_per_second", rate},
            {"time_to_first_token_seconds", first_ms / 1000}};
  }

  [[nodiscard]] Json result(const Usage& usage, bool is_kept) const {
    Json out{{"model_instance_id", meta_.model}, {"output", output_}, {"stats", stats(usage)}};
    if (is_kept) out["response_id"] = "resp_" + meta_.id;
    return out;
  }

  bool is_stored_;
  ResponseMeta meta_;
  bool reads_ = false;  // the prompt
  std::string open_;    // the type of the last item, while it grows
  Json output_ = Json::array();
};

}  // namespace

std::unique_ptr<AnswerWriter> lm_studio_writer(bool is_stored) { return std::make_unique<LmStudioWriter>(is_stored); }

}  // namespace plimsoll::api
