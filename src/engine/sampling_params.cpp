#include <plimsoll/engine/sampling.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {
namespace {

constexpr float kNoLimit = std::numeric_limits<float>::max();

void within(const char* name, float value, float least, float most) {
  if (value >= least && value <= most) return;
  const std::string range =
      most == kNoLimit ? fmt::format("numbers from {}", least) : fmt::format("numbers from {} to {}", least, most);
  throw Error(ErrorCode::usage, fmt::format("{} cannot be {}; it takes {}", name, value, range));
}

void finite(const char* name, float value) {
  if (!std::isfinite(value))
    throw Error(ErrorCode::usage, fmt::format("{} cannot be {}; it takes a number", name, value));
}

void look_back(const char* name, std::int32_t value) {
  if (value < -1) {
    throw Error(ErrorCode::usage, fmt::format("{} cannot be {}; it takes a number of tokens, or -1 for all of the "
                                              "training context",
                                              name, value));
  }
}

void validate_samplers(const SamplingParams& params) {
  for (const std::string& name : params.samplers) {
    if (!sampler_from_name(name).empty()) continue;
    throw Error(ErrorCode::usage, fmt::format("there is no sampler '{}'; there are {}, infill and adaptive_p", name,
                                              fmt::join(default_samplers(), ", ")));
  }
}

void validate_dry(const SamplingParams& params) {
  within("dry_multiplier", params.dry_multiplier, 0, kNoLimit);
  within("dry_base", params.dry_base, 1, kNoLimit);
  if (params.dry_allowed_length < 0)
    throw Error(ErrorCode::usage,
                fmt::format("dry_allowed_length cannot be {}; it takes a number of tokens", params.dry_allowed_length));
  look_back("dry_last_n", params.dry_last_n);
  if (std::ranges::contains(params.dry_sequence_breakers, std::string{}))
    throw Error(ErrorCode::usage, "a sequence breaker cannot be empty");
}

void validate_penalties(const SamplingParams& params) {
  look_back("penalty_last_n", params.penalty_last_n);
  within("penalty_repeat", params.penalty_repeat, std::numeric_limits<float>::min(), kNoLimit);
  finite("penalty_frequency", params.penalty_frequency);
  finite("penalty_presence", params.penalty_presence);
}

void validate_grammar(const SamplingParams& params) {
  const bool lazy = !params.grammar_trigger_patterns.empty() || !params.grammar_trigger_tokens.empty();
  if (lazy && params.grammar.empty()) throw Error(ErrorCode::usage, "a grammar's trigger was given, but no grammar");
  if (!params.grammar.empty() && params.grammar_root.empty())
    throw Error(ErrorCode::usage, "the grammar's root has no name");
}

}  // namespace

const std::vector<std::string>& default_samplers() {
  static const std::vector<std::string> kOrder{"penalties", "dry",   "top_n_sigma", "top_k",      "typ_p",
                                               "top_p",     "min_p", "xtc",         "temperature"};
  return kOrder;
}

std::string sampler_from_name(std::string_view name) {
  static const std::map<std::string, std::string, std::less<>> kOthers{
      {"nucleus", "top_p"}, {"typical_p", "typ_p"}, {"typical", "typ_p"}, {"typ", "typ_p"}, {"temp", "temperature"}};
  std::string plain(name);
  std::ranges::replace(plain, '-', '_');
  if (const auto other = kOthers.find(plain); other != kOthers.end()) return other->second;
  const bool known = std::ranges::contains(default_samplers(), plain) || plain == "infill" || plain == "adaptive_p";
  return known ? plain : std::string{};
}

void validate(const SamplingParams& params) {
  finite("temperature", params.temperature);
  within("top_p", params.top_p, 0, 1);
  within("min_p", params.min_p, 0, 1);
  within("typical_p", params.typical_p, 0, 1);
  finite("top_n_sigma", params.top_n_sigma);
  within("dynatemp_range", params.dynatemp_range, 0, kNoLimit);
  finite("dynatemp_exponent", params.dynatemp_exponent);
  within("xtc_probability", params.xtc_probability, 0, 1);
  within("xtc_threshold", params.xtc_threshold, 0, 1);
  validate_penalties(params);
  validate_dry(params);
  if (params.mirostat < 0 || params.mirostat > 2)
    throw Error(ErrorCode::usage, fmt::format("mirostat cannot be {}; it takes 1, 2, or 0 for none", params.mirostat));
  within("mirostat_tau", params.mirostat_tau, 0, kNoLimit);
  within("mirostat_eta", params.mirostat_eta, 0, kNoLimit);
  within("adaptive_target", params.adaptive_target, -1, 1);
  within("adaptive_decay", params.adaptive_decay, 0, 0.99F);
  for (const LogitBias& bias : params.logit_bias) {
    if (std::isnan(bias.bias) || bias.bias == std::numeric_limits<float>::infinity())
      throw Error(ErrorCode::usage, fmt::format("the bias of token {} cannot be {}", bias.token, bias.bias));
  }
  validate_samplers(params);
  validate_grammar(params);
}

}  // namespace plimsoll::engine
