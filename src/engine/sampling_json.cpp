#include "engine/sampling_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "plimsoll.sampler/2";

Json biases(const std::vector<LogitBias>& logit_bias) {
  Json list = Json::array();
  for (const LogitBias& bias : logit_bias)
    list.push_back({bias.token, std::isinf(bias.bias) ? Json(false) : Json(bias.bias)});
  return list;
}

// Calls visit(key, field) for every field but logit_bias, which needs a form of its own.
template <class Params, class Visit>
void for_each_field(Params& params, Visit&& visit) {
  visit("seed", params.seed);
  visit("temperature", params.temperature);
  visit("dynatemp_range", params.dynatemp_range);
  visit("dynatemp_exponent", params.dynatemp_exponent);
  visit("top_k", params.top_k);
  visit("top_p", params.top_p);
  visit("min_p", params.min_p);
  visit("top_n_sigma", params.top_n_sigma);
  visit("xtc_probability", params.xtc_probability);
  visit("xtc_threshold", params.xtc_threshold);
  visit("typical_p", params.typical_p);
  visit("repeat_last_n", params.penalty_last_n);
  visit("repeat_penalty", params.penalty_repeat);
  visit("presence_penalty", params.penalty_presence);
  visit("frequency_penalty", params.penalty_frequency);
  visit("dry_multiplier", params.dry_multiplier);
  visit("dry_base", params.dry_base);
  visit("dry_allowed_length", params.dry_allowed_length);
  visit("dry_penalty_last_n", params.dry_last_n);
  visit("dry_sequence_breakers", params.dry_sequence_breakers);
  visit("mirostat", params.mirostat);
  visit("mirostat_tau", params.mirostat_tau);
  visit("mirostat_eta", params.mirostat_eta);
  visit("adaptive_target", params.adaptive_target);
  visit("adaptive_decay", params.adaptive_decay);
  visit("ignore_eos", params.ignore_eos);
  visit("min_keep", params.min_keep);
  visit("samplers", params.samplers);
  visit("grammar", params.grammar);
  visit("grammar_root", params.grammar_root);
  visit("grammar_trigger_patterns", params.grammar_trigger_patterns);
  visit("grammar_trigger_tokens", params.grammar_trigger_tokens);
  visit("least_tokens", params.least_tokens);
  visit("thought_tokens", params.thought_tokens);
  visit("thought_begin", params.thought_begin);
  visit("thought_end", params.thought_end);
  visit("thought_is_open", params.thought_is_open);
}

// Exact: whole numbers in range, no number for a flag, no rounding of 1.5 to a count.
template <class Field>
bool fits(const Json& value, const Field&) {
  if constexpr (std::is_same_v<Field, bool>) {
    return value.is_boolean();
  } else if constexpr (std::is_integral_v<Field>) {
    return value.is_number_integer() && (value.is_number_unsigned() ? std::in_range<Field>(value.get<std::uint64_t>())
                                                                    : std::in_range<Field>(value.get<std::int64_t>()));
  } else if constexpr (std::is_floating_point_v<Field>) {
    return value.is_number();
  } else if constexpr (std::is_same_v<Field, std::string>) {
    return value.is_string();
  } else {
    return value.is_array() &&
           std::ranges::all_of(value, [](const Json& item) { return fits(item, typename Field::value_type{}); });
  }
}

std::vector<LogitBias> biases(const Json& list) {
  std::vector<LogitBias> logit_bias;
  for (const Json& pair : list) {
    const bool forbids = pair.is_array() && pair.size() == 2 && pair[1] == false;
    if (!pair.is_array() || pair.size() != 2 || !fits(pair[0], Token{}) || !(forbids || pair[1].is_number()))
      throw Error(ErrorCode::usage,
                  fmt::format("logit_bias takes pairs of a token and a number or false, not {}", pair.dump()));
    logit_bias.push_back({.token = pair[0].get<Token>(),
                          .bias = forbids ? -std::numeric_limits<float>::infinity() : pair[1].get<float>()});
  }
  return logit_bias;
}

void require_object(const Json& json, const char* what) {
  if (!json.is_object()) throw Error(ErrorCode::usage, fmt::format("{} must be an object", what));
}

// What nlohmann-json has to say about a wrong shape, as our error.
template <class Read>
auto reading(const char* what, Read&& read) {
  try {
    return read();
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::usage, fmt::format("{} cannot be read: {}", what, error.what()));
  }
}

}  // namespace

Json to_json(const SamplingParams& params) {
  Json json = Json::object();
  for_each_field(params, [&](const char* key, const auto& field) { json[key] = field; });
  json["logit_bias"] = biases(params.logit_bias);
  return json;
}

SamplingParams laid_over(SamplingParams below, const PartialSampling& above) {
  const SamplingParams stock;
  const auto says = [&](const char* key, bool differs) { return differs || above.given.contains(key); };
  // Three structs walked along together: each field is visited under the same name in all.
  for_each_field(below, [&](const char* key, auto& into) {
    for_each_field(above.params, [&](const char* other, const auto& from) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(into)>, std::remove_cvref_t<decltype(from)>>) {
        if (std::string_view(key) != other) return;
        for_each_field(stock, [&](const char* usual, const auto& value) {
          if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, std::remove_cvref_t<decltype(from)>>) {
            if (std::string_view(key) == usual && says(key, from != value)) into = from;
          }
        });
      }
    });
  });
  below.logit_bias.append_range(above.params.logit_bias);
  return below;
}

SamplingParams sampling_params_from_json(const Json& json) { return partial_sampling_from_json(json).params; }

PartialSampling partial_sampling_from_json(const Json& json) {
  require_object(json, "sampling parameters");
  PartialSampling partial;
  SamplingParams& params = partial.params;
  std::size_t known = 0;
  for_each_field(params, [&](const char* key, auto& field) {
    const auto found = json.find(key);
    if (found == json.end()) return;
    ++known;
    if (!fits(*found, field)) throw Error(ErrorCode::usage, fmt::format("{} cannot be {}", key, found->dump()));
    found->get_to(field);
    partial.given.insert(key);
  });
  if (const auto found = json.find("logit_bias"); found != json.end()) {
    ++known;
    partial.given.insert("logit_bias");
    params.logit_bias = reading("logit_bias", [&] { return biases(*found); });
  }
  if (known != json.size()) {
    const Json all = to_json(SamplingParams{});
    for (const auto& item : json.items()) {
      if (!all.contains(item.key()))
        throw Error(ErrorCode::usage, fmt::format("there is no sampling parameter '{}'", item.key()));
    }
  }
  validate(params);
  return partial;
}

Json to_json(const SamplerSnapshot& snapshot) {
  Json runs = Json::array();  // neighbours of one kind together
  for (const AcceptedToken& accepted : snapshot.accepted) {
    if (runs.empty() || runs.back()["sampled"] != accepted.sampled)
      runs.push_back({{"sampled", accepted.sampled}, {"tokens", Json::array()}});
    runs.back()["tokens"].push_back(accepted.token);
  }
  return {
      {"schema", kSchema}, {"params", to_json(snapshot.params)}, {"accepted", runs}, {"averages", snapshot.averages}};
}

SamplerSnapshot sampler_snapshot_from_json(const Json& json) {
  require_object(json, "a sampler's snapshot");
  return reading("the sampler's snapshot", [&] {
    if (json.at("schema") != kSchema)
      throw Error(ErrorCode::usage,
                  fmt::format("the sampler's snapshot is a {}, not a {}", json.at("schema").dump(), kSchema));
    SamplerSnapshot snapshot{.params = sampling_params_from_json(json.at("params")), .accepted = {}};
    for (const Json& run : json.at("accepted")) {
      const bool sampled = run.at("sampled").get<bool>();
      for (const Json& token : run.at("tokens"))
        snapshot.accepted.push_back({.token = token.get<Token>(), .sampled = sampled});
    }
    snapshot.averages = json.at("averages").get<std::vector<float>>();
    return snapshot;
  });
}

}  // namespace plimsoll::engine
