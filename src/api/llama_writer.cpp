#include "llama_writer.hpp"

#include <cmath>
#include <map>

#include "api/openai_parts.hpp"

#include "api/answer_check.hpp"
#include "api/llama_settings.hpp"

namespace plimsoll::api {
namespace {

const char* stop_type(Finish finish, const std::string& stop_string) {
  if (finish == Finish::length) return "limit";
  return stop_string.empty() ? "eos" : "word";
}

// "generation_settings/n_predict" is a member of a member.
Json only(const std::vector<std::string>& fields, Json answer) {
  if (fields.empty()) return answer;
  Json out = Json::object();
  for (const std::string& field : fields) {
    const Json* at = &answer;
    std::size_t begin = 0;
    while (at != nullptr && begin <= field.size()) {
      const std::size_t end = std::min(field.find('/', begin), field.size());
      const auto found = at->is_object() ? at->find(field.substr(begin, end - begin)) : at->end();
      at = at->is_object() && found != at->end() ? &*found : nullptr;
      begin = end + 1;
    }
    if (at != nullptr) out[field] = *at;
  }
  return out;
}

class LlamaWriter final : public AnswerWriter {
 public:
  explicit LlamaWriter(LlamaForm form) : form_(std::move(form)) {}

  std::string begin(const ResponseMeta& meta) override {
    meta_ = meta;
    return {};
  }

  std::string progress(const PromptProgress& progress) override {
    Json out = words(progress.choice, "", {}, 0);
    out["prompt_progress"] = progress_json(progress);
    return event(out);
  }

  std::string piece(const Piece& piece) override {
    Written& written = written_[piece.choice];
    written.tokens += piece.tokens.size();
    written.has_newline = written.has_newline || piece.text.contains('\n');
    Json out = words(piece.choice, piece.text, piece.tokens, written.tokens);
    if (piece.timings) out["timings"] = timings_json(*piece.timings);
    if (!piece.logprobs.empty())
      out["completion_probabilities"] = probabilities_json(piece.logprobs, form_.after_sampling);
    return event(out);
  }

  std::string end_of_choice(const ChoiceEnd& end) override {
    Choice last{.finish = end.finish,
                .stop_string = end.stop_string,
                .timings = end.timings.value_or(Timings{}),
                .schema_check = end.schema_check};
    return event(only(form_.response_fields, whole_choice(last, end.choice, written_[end.choice].has_newline)));
  }

  std::string end(const Usage&) override { return {}; }

  std::string failure(const Problem& problem) override { return event(error_body(problem, ErrorShape::openai)); }

  Json whole(const Answer& answer) override {
    meta_ = answer.meta;
    Json out = Json::array();
    for (const Choice& choice : answer.choices) {
      Json one = whole_choice(choice, out.size(), choice.text.contains('\n'));
      if (form_.return_tokens) one["tokens"] = choice.tokens;
      if (!choice.logprobs.empty())
        one["completion_probabilities"] = probabilities_json(choice.logprobs, form_.after_sampling);
      out.push_back(only(form_.response_fields, std::move(one)));
    }
    return form_.is_list || out.size() != 1 ? out : Json(out.front());
  }

 private:
  struct Written {
    std::size_t tokens = 0;
    bool has_newline = false;
  };

  [[nodiscard]] Json words(std::size_t choice, const std::string& text, const std::vector<std::int32_t>& tokens,
                           std::size_t written) const {
    return {{"index", choice},
            {"content", text},
            {"tokens", tokens},
            {"stop", false},
            {"id_slot", form_.id_slot},
            {"tokens_predicted", written},
            {"tokens_evaluated", prompt_of(choice).size()}};
  }

  // A grammar stays as it was given: what is made of a schema may be long, and stands in each answer.
  [[nodiscard]] Json settings(const ReadPrompt& prompt) const {
    Json out = form_.settings;
    if (!meta_.sampling) return out;
    Json sampling = llama_sampling(*meta_.sampling);
    sampling.erase("grammar");
    out.update(sampling);
    out["max_tokens"] = out["n_predict"] = prompt.most_tokens;
    out["lora"] = Json::array();
    for (const float scale : meta_.adapter_scales)
      out["lora"].push_back({{"id", out["lora"].size()}, {"scale", scale}});
    return out;
  }

  [[nodiscard]] const ReadPrompt& prompt_of(std::size_t choice) const {
    static const ReadPrompt kNone;
    const std::size_t prompt = choice / meta_.answers_per_prompt;
    return prompt < meta_.prompts.size() ? meta_.prompts[prompt] : kNone;
  }

  [[nodiscard]] Json whole_choice(const Choice& choice, std::size_t index, bool has_newline) const {
    const ReadPrompt& prompt = prompt_of(index);
    const std::size_t held = prompt.size() + choice.timings.predicted;
    Json out{{"index", index},
             {"content", choice.text},
             {"tokens", Json::array()},
             {"id_slot", form_.id_slot},
             {"stop", true},
             {"model", meta_.model},
             {"tokens_predicted", choice.timings.predicted},
             {"tokens_evaluated", prompt.size()},
             {"generation_settings", settings(prompt)},
             {"prompt", prompt.text},
             {"has_new_line", has_newline},
             {"truncated", false},
             {"stop_type", stop_type(choice.finish, choice.stop_string)},
             {"stopping_word", choice.stop_string},
             {"tokens_cached", held == 0 ? 0 : held - 1},  // the last one is not decoded
             {"timings", timings_json(choice.timings)}};
    add_schema_check(out, choice.schema_check);
    return out;
  }

  LlamaForm form_;
  ResponseMeta meta_;
  std::map<std::size_t, Written> written_;  // by choice
};

Json probability_json(const TokenLogprob& token, bool after_sampling) {
  Json bytes = Json::array();
  for (const char byte : token.text) bytes.push_back(static_cast<unsigned char>(byte));
  Json out{{"id", token.id}, {"token", token.text}, {"bytes", std::move(bytes)}};
  if (after_sampling)
    out["prob"] = std::exp(token.logprob);
  else
    out["logprob"] = token.logprob;
  return out;
}

}  // namespace

Json probabilities_json(const std::vector<TokenLogprob>& tokens, bool after_sampling) {
  Json out = Json::array();
  for (const TokenLogprob& token : tokens) {
    Json one = probability_json(token, after_sampling);
    Json& top = one[after_sampling ? "top_probs" : "top_logprobs"] = Json::array();
    for (const TokenLogprob& other : token.top) top.push_back(probability_json(other, after_sampling));
    out.push_back(std::move(one));
  }
  return out;
}

std::unique_ptr<AnswerWriter> llama_writer(LlamaForm form) { return std::make_unique<LlamaWriter>(std::move(form)); }

void VerboseAnswer::read(Fields& fields, TextRequest& request) {
  if (!fields.flag("verbose").value_or(false)) return;
  request.shows_tokens = true;
  form_.emplace();
  form_->settings = llama_settings(request);
  form_->after_sampling = request.after_sampling;
}

void VerboseAnswer::add(Json& out, const ResponseMeta& meta, const Choice& choice) const {
  if (form_) out["__verbose"] = llama_writer(*form_)->whole({.meta = meta, .choices = {choice}});
}

}  // namespace plimsoll::api
