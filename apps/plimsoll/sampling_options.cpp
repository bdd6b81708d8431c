// The flags of sampling, and what they are made into.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <sstream>

#include <plimsoll/base/error.hpp>
#include "base/text_file.hpp"
#include "grammar/json_schema.hpp"

#include "options.hpp"

namespace plimsoll::app {
namespace {

constexpr const char* kGroup = "Sampling";

std::string whole_file(const std::string& path, const char* what) {
  std::string text = read_text_file(path, what);
  if (text.empty()) usage_error(fmt::format("the {} '{}' is empty", what, path));
  return text;
}

std::string grammar(const SamplingOptions& o) {
  const int given = !o.grammar.empty() + !o.grammar_file.empty() + !o.json_schema.empty() + !o.json_schema_file.empty();
  if (given > 1)
    usage_error("only one of --grammar, --grammar-file, --json-schema and --json-schema-file can be given");
  if (!o.grammar_file.empty()) return whole_file(o.grammar_file, "grammar file");
  if (o.json_schema.empty() && o.json_schema_file.empty()) return o.grammar;
  const std::string text = o.json_schema.empty() ? whole_file(o.json_schema_file, "schema file") : o.json_schema;
  const auto schema = nlohmann::ordered_json::parse(text, nullptr, false);
  if (schema.is_discarded()) usage_error("the schema is not valid JSON");
  return grammar::from_json_schema(schema);
}

// llama.cpp's notation: 29871+1.5, 29871-2, 29871-inf.
engine::LogitBias logit_bias(const std::string& text) {
  engine::LogitBias bias;
  const char* const end = text.data() + text.size();
  const auto [sign, token_error] = std::from_chars(text.data(), end, bias.token);
  bool good = token_error == std::errc{} && sign != end && (*sign == '+' || *sign == '-');
  if (good && std::string_view(sign + 1, end) == "inf" && *sign == '-') {
    bias.bias = -std::numeric_limits<float>::infinity();
  } else if (good) {
    const auto [last, error] = std::from_chars(sign + 1, end, bias.bias);
    good = error == std::errc{} && last == end && *(sign + 1) != '-';
    if (*sign == '-') bias.bias = -bias.bias;
  }
  if (!good) usage_error(fmt::format("--logit-bias '{}' is not of the form TOKEN+BIAS or TOKEN-BIAS", text));
  return bias;
}

std::vector<std::string> names(const std::string& list) {
  std::vector<std::string> found;
  std::istringstream stream(list);
  for (std::string name; std::getline(stream, name, ';');) found.push_back(name);
  return found;
}

}  // namespace

void add_sampling_options(CLI::App& command, SamplingOptions& o) {
  engine::SamplingParams& p = o.params;
  const auto add = [&](const char* flag, auto& value, const char* meaning, const char* variable = "") {
    CLI::Option* option = command.add_option(flag, value, meaning)->group(kGroup)->capture_default_str();
    if (*variable != '\0') option->envname(variable);
    return option;
  };
  add("-s,--seed", o.seed, "Seed; -1: a random one", "PLIMSOLL_SEED");
  add("--samplers", o.samplers,
      "Which samplers, in which order, with semicolons; default: "
      "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature");
  add("--temp,--temperature", p.temperature, "Temperature; 0: always the likeliest token", "PLIMSOLL_TEMP");
  add("--dynatemp-range", p.dynatemp_range, "How far the temperature follows the entropy; 0: off");
  add("--dynatemp-exp", p.dynatemp_exponent, "Exponent of that");
  add("--top-k", p.top_k, "Keep the K likeliest tokens; 0: off", "PLIMSOLL_TOP_K");
  add("--top-p", p.top_p, "Keep the likeliest tokens up to this probability; 1: off", "PLIMSOLL_TOP_P");
  add("--min-p", p.min_p, "Drop tokens below this share of the likeliest; 0: off", "PLIMSOLL_MIN_P");
  add("--top-n-sigma", p.top_n_sigma, "Keep tokens within N deviations of the largest logit; 0 or less: off");
  add("--typical", p.typical_p, "Locally typical sampling; 1: off");
  add("--xtc-probability", p.xtc_probability, "How often the likeliest tokens are dropped; 0: off");
  add("--xtc-threshold", p.xtc_threshold, "Those above this probability, but one");
  add("--repeat-last-n", p.penalty_last_n, "Tokens the penalties look back on; 0: off; -1: the training context");
  add("--repeat-penalty", p.penalty_repeat, "Penalty for repeated tokens; 1: off");
  add("--frequency-penalty", p.penalty_frequency, "Penalty by how often; 0: off");
  add("--presence-penalty", p.penalty_presence, "Penalty for having occurred; 0: off");
  add("--dry-multiplier", p.dry_multiplier, "DRY: penalty for going on with a repetition; 0: off");
  add("--dry-base", p.dry_base, "DRY: growth of the penalty with the length");
  add("--dry-allowed-length", p.dry_allowed_length, "DRY: repetitions up to this length are free");
  add("--dry-penalty-last-n", p.dry_last_n, "DRY: tokens it looks back on; 0: off; -1: the training context");
  add("--dry-sequence-breaker", o.dry_sequence_breakers,
      "DRY: a text that no repetition goes across, instead of the default ones; may be repeated; none: no text")
      ->take_all()
      ->allow_extra_args(false);
  add("--mirostat", p.mirostat, "Mirostat 1 or 2 instead of the samplers; 0: off");
  add("--mirostat-lr", p.mirostat_eta, "Mirostat's learning rate (eta)");
  add("--mirostat-ent", p.mirostat_tau, "Mirostat's target entropy (tau)");
  add("--adaptive-target", p.adaptive_target, "Adaptive-p: choose near this probability; below 0: off");
  add("--adaptive-decay", p.adaptive_decay, "Adaptive-p: how slowly it adapts, up to 0.99");
  add("-l,--logit-bias", o.logit_biases, "TOKEN+BIAS or TOKEN-BIAS: makes a token likelier or less; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  add("--grammar", o.grammar, "GBNF grammar the text must follow");
  add("--grammar-file", o.grammar_file, "File with a GBNF grammar");
  add("-j,--json-schema", o.json_schema, "JSON schema that the text must be valid under");
  add("--json-schema-file", o.json_schema_file, "-jf: file with a JSON schema");
}

std::set<std::string> given_sampling(const CLI::App& command) {
  static const std::map<std::string, std::string> kOthers{
      {"temp", "temperature"},          {"dynatemp_exp", "dynatemp_exponent"},
      {"typical", "typical_p"},         {"mirostat_lr", "mirostat_eta"},
      {"mirostat_ent", "mirostat_tau"}, {"dry_sequence_breaker", "dry_sequence_breakers"}};
  std::set<std::string> given;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group() != kGroup || option->count() == 0) continue;
    std::string name = option->get_lnames().front();
    std::ranges::replace(name, '-', '_');
    const auto other = kOthers.find(name);
    given.insert(other == kOthers.end() ? name : other->second);
  }
  return given;
}

engine::SamplingParams sampling(const SamplingOptions& options) {
  engine::SamplingParams params = options.params;
  params.seed = options.seed < 0 ? LLAMA_DEFAULT_SEED : static_cast<std::uint32_t>(options.seed);
  params.grammar = grammar(options);
  if (!options.samplers.empty()) params.samplers = names(options.samplers);
  for (const std::string& text : options.logit_biases) params.logit_bias.push_back(logit_bias(text));
  if (!options.dry_sequence_breakers.empty()) params.dry_sequence_breakers = options.dry_sequence_breakers;
  std::erase(params.dry_sequence_breakers, "none");
  engine::validate(params);
  return params;
}

}  // namespace plimsoll::app
