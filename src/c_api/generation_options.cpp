#include "generation_options.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/partial_sampling.hpp"
#include "engine/sampling_json.hpp"

#include "defaults.hpp"
#include "handles.hpp"
#include "own_sampler.hpp"

namespace plimsoll::c_api {
namespace {

SamplingParams sampling_of(const plimsoll_generation_options& given) {
  SamplingParams out;
  out.seed = given.seed;
  out.temperature = given.temperature;
  out.top_k = given.top_k;
  out.top_p = given.top_p;
  out.min_p = given.min_p;
  out.typical_p = given.typical_p;
  out.penalty_last_n = given.penalty_last_n;
  out.penalty_repeat = given.penalty_repeat;
  out.penalty_frequency = given.penalty_frequency;
  out.penalty_presence = given.penalty_presence;
  if (given.grammar != nullptr && given.json_schema != nullptr)
    throw Error(ErrorCode::usage, "an answer has a grammar or a schema, not both");
  if (given.grammar != nullptr) out.grammar = given.grammar;
  if (given.json_schema != nullptr) out.grammar = grammar_of_json_schema(given.json_schema);
  return out;
}

// What `text` names, in the place of what is there.
void add_json(SamplingParams& sampling, const char* text) {
  if (text == nullptr) return;
  const auto json = nlohmann::ordered_json::parse(text_of(text, -1, "sampling"), nullptr, false);
  if (json.is_discarded()) throw Error(ErrorCode::usage, "'sampling' is not JSON");
  sampling = engine::laid_over(std::move(sampling), engine::partial_sampling_from_json(json));
}

ContextOverflow overflow_of(std::int32_t overflow) {
  static_assert(static_cast<int>(ContextOverflow::reprefill) == PLIMSOLL_OVERFLOW_REPREFILL);
  if (overflow < PLIMSOLL_OVERFLOW_FAIL || overflow > PLIMSOLL_OVERFLOW_REPREFILL)
    throw Error(ErrorCode::usage, fmt::format("there is no overflow strategy {}", overflow));
  return static_cast<ContextOverflow>(overflow);
}

// A sampler of the program's own among those that the options declare.
void add_own_sampler(GenerationOptions& options, const plimsoll_generation_options& given, CallbackRun& run) {
  require_reserved(given.reserved, "plimsoll_generation_options");
  if (given.sampler_place != PLIMSOLL_SAMPLER_LAST && given.sampler_place != PLIMSOLL_SAMPLER_FIRST)
    throw Error(ErrorCode::usage, fmt::format("there is no place {} for a sampler", given.sampler_place));
  if (given.sample == nullptr && given.accept == nullptr) return;
  auto& link = given.sampler_place == PLIMSOLL_SAMPLER_FIRST ? options.first_link : options.last_link;
  link = own_sampler({.sample = given.sample, .accept = given.accept, .user_data = given.sampler_data}, run);
}

}  // namespace

std::chrono::milliseconds patience_of(std::int64_t patience_ms) {
  if (patience_ms < -1)
    throw Error(ErrorCode::usage, fmt::format("a patience of {} ms: it is 0 or more, or -1 for ever", patience_ms));
  return patience_ms == -1 ? std::chrono::milliseconds::max() : std::chrono::milliseconds(patience_ms);
}

AskedGeneration asked_generation(const plimsoll_generation_options* from) {
  const plimsoll_generation_options given = known(from);
  AskedGeneration out{.options = {}, .run = std::make_shared<CallbackRun>(), .wait = {}};
  GenerationOptions& options = out.options;
  options.predict = given.predict;
  options.sampling = sampling_of(given);
  add_json(options.sampling, given.sampling);
  options.stop_strings = texts_of(given.stop_strings, given.n_stop_strings, "stop strings");
  options.keep_stop_string = given.keep_stop_string != 0;
  options.ignore_end_of_generation = given.ignore_end_of_generation != 0;
  options.show_special = given.show_special != 0;
  options.overflow = overflow_of(given.overflow);
  options.overflow_keep = given.overflow_keep;
  options.overflow_discard_share = given.overflow_discard_share;
  out.run->follow(given.stop);
  options.stop = out.run->stop_token();
  if (given.prompt_progress != nullptr) {
    options.prompt_progress = [run = out.run.get(), told = given.prompt_progress, data = given.user_data](
                                  std::size_t done, std::size_t of) { run->run([&] { return told(data, done, of); }); };
  }
  add_own_sampler(options, given, *out.run);
  out.wait = {.patience = patience_of(given.patience_ms), .stop = out.run->stop_token()};
  return out;
}

}  // namespace plimsoll::c_api
