// OpenAI's /v1/completions.

#include <map>
#include <string_view>

#include "api/answer_check.hpp"
#include "api/dialect.hpp"
#include "api/sse.hpp"

#include "api/openai_parts.hpp"
#include "llama_writer.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

class CompletionWriter final : public AnswerWriter {
 public:
  CompletionWriter(bool include_usage, bool after_sampling, VerboseAnswer verbose)
      : include_usage_(include_usage), after_sampling_(after_sampling), verbose_(std::move(verbose)) {}

  std::string begin(const ResponseMeta& meta) override {
    meta_ = meta;
    return {};
  }

  std::string progress(const PromptProgress& progress) override {
    Json out = frame(meta_);
    out["choices"] =
        Json::array({{{"index", progress.choice}, {"text", ""}, {"logprobs", nullptr}, {"finish_reason", nullptr}}});
    out["prompt_progress"] = progress_json(progress);
    return event(out);
  }

  std::string piece(const Piece& piece) override {
    timings_ = piece.timings;
    schema_check_.reset();
    return chunk(piece.choice, piece.text, nullptr, logprobs_json(piece.logprobs, offset_of(piece)));
  }

  std::string end_of_choice(const ChoiceEnd& end) override {
    timings_ = end.timings;
    schema_check_ = end.schema_check;
    Json last = chunk_json(end.choice, "", finish_reason(end.finish), nullptr);
    verbose_.add(last, meta_,
                 {.finish = end.finish, .stop_string = end.stop_string, .timings = end.timings.value_or(Timings{})});
    return event(last);
  }

  std::string end(const Usage& usage) override { return end_of_stream(frame(meta_), usage, include_usage_); }

  std::string failure(const Problem& problem) override { return event(error_body(problem, ErrorShape::openai)); }

  Json whole(const Answer& answer) override {
    Json out = frame(answer.meta);
    out["choices"] = Json::array();
    for (const Choice& choice : answer.choices) {
      out["choices"].push_back({{"index", out["choices"].size()},
                                {"text", choice.text},
                                {"logprobs", logprobs_json(choice.logprobs, 0)},
                                {"finish_reason", finish_reason(choice.finish)}});
    }
    out["usage"] = usage_json(answer.usage);
    if (answer.usage.timings) out["timings"] = timings_json(*answer.usage.timings);
    add_schema_check(out, answer.usage.schema_check);
    if (!answer.choices.empty()) verbose_.add(out, answer.meta, answer.choices.front());
    return out;
  }

 private:
  [[nodiscard]] static Json frame(const ResponseMeta& meta) {
    return {{"id", "cmpl-" + meta.id},
            {"object", "text_completion"},
            {"created", meta.created},
            {"model", meta.model},
            {"system_fingerprint", system_fingerprint()}};
  }

  [[nodiscard]] std::string chunk(std::size_t choice, const std::string& text, Json finish, Json logprobs) const {
    return event(chunk_json(choice, text, std::move(finish), std::move(logprobs)));
  }

  [[nodiscard]] Json chunk_json(std::size_t choice, const std::string& text, Json finish, Json logprobs) const {
    Json out = frame(meta_);
    out["choices"] = Json::array(
        {{{"index", choice}, {"text", text}, {"logprobs", std::move(logprobs)}, {"finish_reason", std::move(finish)}}});
    if (include_usage_) out["usage"] = nullptr;
    if (timings_) out["timings"] = timings_json(*timings_);
    add_schema_check(out, schema_check_);
    return out;
  }

  // Where this piece begins in its choice's text, in bytes.
  [[nodiscard]] std::size_t offset_of(const Piece& piece) {
    std::size_t& written = written_[piece.choice];
    const std::size_t offset = written;
    written += piece.text.size();
    return offset;
  }

  // The older form: lists side by side. Probabilities are in llama-server's.
  [[nodiscard]] Json logprobs_json(const std::vector<TokenLogprob>& tokens, std::size_t offset) const {
    if (tokens.empty()) return nullptr;
    if (after_sampling_) return {{"content", probabilities_json(tokens, true)}};
    Json out{{"tokens", Json::array()},
             {"token_logprobs", Json::array()},
             {"top_logprobs", Json::array()},
             {"text_offset", Json::array()}};
    for (const TokenLogprob& token : tokens) {
      Json top = Json::object();
      for (const TokenLogprob& other : token.top) top[other.text] = other.logprob;
      out["tokens"].push_back(token.text);
      out["token_logprobs"].push_back(token.is_first ? Json() : Json(token.logprob));
      out["top_logprobs"].push_back(token.is_first ? Json() : std::move(top));
      out["text_offset"].push_back(offset);
      offset += token.shown.value_or(token.text.size());
    }
    return out;
  }

  bool include_usage_;
  bool after_sampling_;
  VerboseAnswer verbose_;
  ResponseMeta meta_;
  std::optional<Timings> timings_;  // of what is written
  std::optional<SchemaVerdict> schema_check_;
  std::map<std::size_t, std::size_t> written_;  // by choice, in bytes
};

// With a suffix, the prompt is what stands in front of a gap.
InfillPrompt gap(const TextRequest& request, const std::string& suffix) {
  const auto& prompts = std::get<std::vector<RawPrompt>>(request.prompt);
  const auto* prefix = prompts.size() == 1 ? std::get_if<std::string>(&prompts.front()) : nullptr;
  if (prefix == nullptr) throw bad_request("'suffix' goes with one prompt, which is a text").at("suffix");
  return {.prefix = *prefix, .suffix = suffix};
}

// OpenAI's: so many alternatives; true is one. llama-server's n_probs: 0 asks for none.
void read_logprobs(Fields& fields, const char* key, TextRequest& request) {
  const Json* given = fields.find(key);
  if (given == nullptr || given->is_boolean()) {
    if (given != nullptr && given->get<bool>()) request.top_logprobs = 1;
    return;
  }
  const auto top = fields.whole(key, 0, kMostLogprobs);
  if (*top > 0 || std::string_view(key) == "logprobs") request.top_logprobs = static_cast<std::size_t>(*top);
}

}  // namespace

Asked read_completion(const Json& body) {
  constexpr std::int32_t kOpenAiDefault = 16;
  Fields fields(body);
  Asked asked;
  TextRequest& request = asked.request;
  request.model = fields.text("model").value_or("");
  request.prompt = read_texts_or_tokens(fields, "prompt", kMostPrompts, "prompts");
  read_number_of_answers(fields, request);
  if (!read_limits(fields, request, {"max_tokens", "n_predict", "max_new_tokens", "max_completion_tokens"}))
    request.most_tokens = kOpenAiDefault;
  request.stop_strings = read_stop_strings(fields, {"stop", "stop_sequences"});
  read_form(fields, request);
  read_sampling(fields, request);
  for (const char* key : {"logprobs", "n_probs"}) read_logprobs(fields, key, request);
  read_after_sampling(fields, request);
  read_reports(fields, request);
  read_adapters(fields, request);
  read_slot(fields, request);
  read_keep_alive(fields, request);
  request.echo = fields.flag("echo").value_or(false);
  request.stream = fields.flag("stream").value_or(false);
  const bool include_usage = read_include_usage(fields);
  read_best_of(fields, request);
  if (const auto suffix = fields.text("suffix"); suffix && !suffix->empty()) request.prompt = gap(request, *suffix);
  VerboseAnswer verbose;
  verbose.read(fields, request);
  ignore_openai_fields(fields);
  pass_over_others_fields(fields);
  fields.pass_over_unknown();
  request.tells_prompt = request.echo && request.top_logprobs.has_value();
  asked.writer = std::make_unique<CompletionWriter>(include_usage, request.after_sampling, std::move(verbose));
  return asked;
}

}  // namespace plimsoll::api
