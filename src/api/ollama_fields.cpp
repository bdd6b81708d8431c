#include "ollama_fields.hpp"

#include <limits>

#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

using std::chrono::milliseconds;

constexpr double kAnything = 1e9;

// Their names are llama-server's as well.
class OptionReader {
 public:
  OptionReader(Fields& options, TextRequest& request) : options_(options), request_(request) {}

  template <class Number>
  void number(Number engine::SamplingParams::* member, const char* name, double least, double most) {
    if (const auto given = options_.number(name, least, most)) take(member, name, *given);
  }

  void seed() {
    using Seed = std::int64_t;
    const auto given = options_.whole("seed", std::numeric_limits<Seed>::min(), std::numeric_limits<Seed>::max());
    if (given) take(&engine::SamplingParams::seed, "seed", *given);
  }

 private:
  // What is given counts, also where it is what counts anyway when nobody says anything.
  template <class Number>
  void take(Number engine::SamplingParams::* member, const char* name, auto given) {
    request_.sampling.*member = static_cast<Number>(given);
    request_.sampling_given.insert(name);
  }

  Fields& options_;
  TextRequest& request_;
};

void read_sampling_options(Fields& options, TextRequest& request) {
  using Params = engine::SamplingParams;
  OptionReader reader(options, request);
  reader.number(&Params::temperature, "temperature", 0, 1e3);
  reader.number(&Params::top_k, "top_k", -1, 1e6);
  reader.number(&Params::top_p, "top_p", 0, 1);
  reader.number(&Params::min_p, "min_p", 0, 1);
  reader.number(&Params::typical_p, "typical_p", 0, 1);
  reader.number(&Params::penalty_repeat, "repeat_penalty", 0, 100);
  reader.number(&Params::penalty_last_n, "repeat_last_n", -1, kAnything);
  reader.number(&Params::penalty_presence, "presence_penalty", -kAnything, kAnything);
  reader.number(&Params::penalty_frequency, "frequency_penalty", -kAnything, kAnything);
  reader.number(&Params::mirostat, "mirostat", 0, 2);
  reader.number(&Params::mirostat_tau, "mirostat_tau", 0, 100);
  reader.number(&Params::mirostat_eta, "mirostat_eta", 0, 100);
  reader.seed();
}

void read_options(Fields& fields, Asked& asked) {
  const Json* given = fields.find("options");
  if (given == nullptr) return;
  Fields options(*given, "options");
  read_sampling_options(options, asked.request);
  // Zero and below: no limit.
  const auto predict =
      options.whole("num_predict", std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max());
  if (predict && *predict > 0) asked.request.most_tokens = static_cast<std::int32_t>(*predict);
  asked.request.stop_strings = read_stop_strings(options, {"stop"});
  // Where and how large a model lies is planned before it is loaded, and no request changes it: num_ctx, num_gpu ...
  options.pass_over_unknown();
}

void read_format_field(Fields& fields, TextRequest& request) {
  const Json* format = fields.find("format");
  if (format == nullptr || *format == "") return;
  if (format->is_object()) {
    request.schema = *format;
  } else if (*format == "json") {
    request.schema = {{"type", "object"}};
  } else {
    fields.fail("format", "must be 'json' or a JSON Schema");
  }
}

// true, false, or how hard: "low", "medium", "high".
void read_think(Fields& fields, TextRequest& request, OllamaForm& form) {
  const Json* think = fields.find("think");
  if (think == nullptr) return;
  if (!think->is_boolean() && !think->is_string())
    fields.fail("think", "must be true, false, or a word: 'low', 'medium', 'high'");
  form.thoughts = *think != false;
  auto* chat = std::get_if<ChatPrompt>(&request.prompt);
  if (chat == nullptr) return;
  chat->template_values =
      think->is_boolean() ? Json{{"enable_thinking", think->get<bool>()}} : thinking_values(think->get<std::string>());
}

void read_logprobs(Fields& fields, TextRequest& request) {
  const bool wanted = fields.flag("logprobs").value_or(false);
  const auto top = fields.whole("top_logprobs", 0, kMostLogprobs);
  if (wanted) request.top_logprobs = static_cast<std::size_t>(top.value_or(0));
}

}  // namespace

std::string without_latest(const std::string& model) {
  constexpr std::string_view kLatest = ":latest";
  return model.ends_with(kLatest) ? model.substr(0, model.size() - kLatest.size()) : model;
}

std::string read_ollama_model(Fields& fields) {
  const auto model = fields.text("model");
  const auto name = fields.text("name");
  return without_latest(model.value_or(name.value_or("")));
}

void read_ollama_common(Fields& fields, Asked& asked, OllamaForm& form) {
  TextRequest& request = asked.request;
  request.model = read_ollama_model(fields);
  request.stream = fields.flag("stream").value_or(true);
  request.keep_alive = read_keep_alive(fields, "keep_alive");
  form.unloads = request.keep_alive && request.keep_alive->idle == milliseconds(0);
  read_format_field(fields, request);
  read_think(fields, request, form);
  read_logprobs(fields, request);
  read_options(fields, asked);
}

}  // namespace plimsoll::api
