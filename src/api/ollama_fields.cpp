#include "ollama_fields.hpp"

#include <limits>

#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

using std::chrono::milliseconds;

constexpr double kAnything = 1e9;

template <class Number>
void take(std::optional<double> given, Number& into) {
  if (given) into = static_cast<Number>(*given);
}

void read_sampling_options(Fields& options, engine::SamplingParams& sampling) {
  take(options.number("temperature", 0, 1e3), sampling.temperature);
  take(options.number("top_k", -1, 1e6), sampling.top_k);
  take(options.number("top_p", 0, 1), sampling.top_p);
  take(options.number("min_p", 0, 1), sampling.min_p);
  take(options.number("typical_p", 0, 1), sampling.typical_p);
  take(options.number("repeat_penalty", 0, 100), sampling.penalty_repeat);
  take(options.number("repeat_last_n", -1, kAnything), sampling.penalty_last_n);
  take(options.number("presence_penalty", -100, 100), sampling.penalty_presence);
  take(options.number("frequency_penalty", -100, 100), sampling.penalty_frequency);
  take(options.number("mirostat", 0, 2), sampling.mirostat);
  take(options.number("mirostat_tau", 0, 100), sampling.mirostat_tau);
  take(options.number("mirostat_eta", 0, 100), sampling.mirostat_eta);
  if (const auto seed =
          options.whole("seed", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()))
    sampling.seed = static_cast<std::uint32_t>(*seed);
}

void read_options(Fields& fields, Asked& asked) {
  const Json* given = fields.find("options");
  if (given == nullptr) return;
  Fields options(*given, "options");
  read_sampling_options(options, asked.request.sampling);
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
