#include "text_fields.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include "grammar/gbnf_text.hpp"

namespace plimsoll::api {
namespace {

constexpr double kAnything = 1e9;
constexpr std::size_t kLongestGrammar = 65536;
constexpr std::size_t kDeepestGrammar = 100;

void read_bias(Fields& fields, engine::SamplingParams& sampling) {
  const Json* biases = fields.find("logit_bias");
  if (biases == nullptr) return;
  if (!biases->is_object()) fields.fail("logit_bias", "must be an object of token ids and numbers");
  for (const auto& [key, value] : biases->items()) {
    engine::Token token = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token);
    if (error != std::errc() || end != key.data() + key.size() || token < 0)
      fields.fail("logit_bias", fmt::format("has '{}' as a member, which is no token id", key));
    const double bias = value.is_number() ? value.get<double>() : 1000;
    if (!(bias >= -100 && bias <= 100)) fields.fail("logit_bias", "must hold numbers from -100 to 100");
    sampling.logit_bias.push_back({.token = token, .bias = static_cast<float>(bias)});
  }
}

template <class Number>
void take(std::optional<double> given, Number& into) {
  if (given) into = static_cast<Number>(*given);
}

// The engine reads grammars by recursion, and a thread's stack has an end.
std::string checked_grammar(Fields& fields, const std::string& grammar) {
  if (grammar.size() > kLongestGrammar)
    fields.fail("grammar", fmt::format("may be {} bytes long at most", kLongestGrammar));
  if (grammar::gbnf_depth(grammar) > kDeepestGrammar)
    fields.fail("grammar", fmt::format("is nested deeper than {} parentheses", kDeepestGrammar));
  return grammar;
}

// llama-server's names, for clients that know more than OpenAI's.
void read_further_sampling(Fields& fields, engine::SamplingParams& sampling) {
  take(fields.number("top_k", -1, 1e6), sampling.top_k);
  take(fields.number("min_p", 0, 1), sampling.min_p);
  take(fields.number("typical_p", 0, 1), sampling.typical_p);
  take(fields.number("top_n_sigma", -1, 1e3), sampling.top_n_sigma);
  take(fields.number("xtc_probability", 0, 1), sampling.xtc_probability);
  take(fields.number("xtc_threshold", 0, 1), sampling.xtc_threshold);
  take(fields.number("repeat_penalty", 0, 100), sampling.penalty_repeat);
  take(fields.number("repeat_last_n", -1, kAnything), sampling.penalty_last_n);
  take(fields.number("dry_multiplier", 0, 100), sampling.dry_multiplier);
  take(fields.number("dry_base", 0, 100), sampling.dry_base);
  take(fields.number("dry_allowed_length", 0, kAnything), sampling.dry_allowed_length);
  take(fields.number("dry_penalty_last_n", -1, kAnything), sampling.dry_last_n);
  take(fields.number("mirostat", 0, 2), sampling.mirostat);
  take(fields.number("mirostat_tau", 0, 100), sampling.mirostat_tau);
  take(fields.number("mirostat_eta", 0, 100), sampling.mirostat_eta);
  take(fields.number("dynatemp_range", 0, 100), sampling.dynatemp_range);
  take(fields.number("dynatemp_exponent", 0, 100), sampling.dynatemp_exponent);
  if (const auto ignore = fields.flag("ignore_eos")) sampling.ignore_eos = *ignore;
  if (const auto grammar = fields.text("grammar")) sampling.grammar = checked_grammar(fields, *grammar);
}

}  // namespace

void read_sampling(Fields& fields, TextRequest& request) {
  engine::SamplingParams& sampling = request.sampling;
  take(fields.number("temperature", 0, 2), sampling.temperature);
  take(fields.number("top_p", 0, 1), sampling.top_p);
  take(fields.number("frequency_penalty", -2, 2), sampling.penalty_frequency);
  take(fields.number("presence_penalty", -2, 2), sampling.penalty_presence);
  if (const auto seed =
          fields.whole("seed", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()))
    sampling.seed = static_cast<std::uint32_t>(*seed);
  read_bias(fields, sampling);
  read_further_sampling(fields, sampling);
}

std::vector<std::string> read_stop_strings(Fields& fields, const char* key) {
  const Json* value = fields.find(key);
  if (value == nullptr) return {};
  if (value->is_string()) return {value->get<std::string>()};
  if (!value->is_array()) fields.fail(key, "must be a string or a list of strings");
  if (value->size() > kMostStopStrings) fields.fail(key, fmt::format("may hold {} strings at most", kMostStopStrings));
  std::vector<std::string> stops;
  for (const Json& entry : *value) {
    if (!entry.is_string()) fields.fail(key, "must be a string or a list of strings");
    stops.push_back(entry.get<std::string>());
  }
  return stops;
}

std::vector<RawPrompt> read_texts_or_tokens(Fields& fields, const char* key, std::size_t most, const char* what) {
  const Json& given = fields.need(key);
  if (given.is_string()) return {given.get<std::string>()};
  if (!given.is_array() || given.empty())
    fields.fail(key, "must be a string, a list of token ids, or a list of either");
  if (given.front().is_number()) return {read_tokens(given, key)};
  if (given.size() > most) fields.fail(key, fmt::format("may hold {} {} at most", most, what));
  std::vector<RawPrompt> out;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", key, i);
    if (given[i].is_string())
      out.emplace_back(given[i].get<std::string>());
    else if (given[i].is_array())
      out.emplace_back(read_tokens(given[i], path));
    else
      throw bad_request(fmt::format("'{}' must be a string or a list of token ids", path)).at(path);
  }
  return out;
}

std::string read_content(const Json& content, const std::string& path) {
  if (content.is_null()) return {};
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) throw bad_request(fmt::format("'{}' must be a string or a list of parts", path)).at(path);
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    Fields part(content[i], at);
    const std::string type = part.need_text("type");
    if (type != "text" && type != "input_text" && type != "output_text" && type != "refusal")
      part.fail("type", fmt::format("is '{}'; only text is understood here", type));
    text += part.need_text(type == "refusal" ? "refusal" : "text");
  }
  return text;
}

Json read_format(const Json& format, const std::string& path) {
  Fields fields(format, path);
  const std::string type = fields.need_text("type");
  if (type == "text") return nullptr;
  if (type == "json_object") {
    const Json* schema = fields.find("schema");  // as llama-server takes it
    return schema != nullptr ? *schema : Json{{"type", "object"}};
  }
  if (type != "json_schema") fields.fail("type", "must be 'text', 'json_object' or 'json_schema'");
  if (const Json* nested = fields.find("json_schema")) {
    Fields inner(*nested, fields.path_of("json_schema"));
    return inner.need("schema");
  }
  return fields.need("schema");
}

Json read_tools(const Json& tools, const std::string& path) {
  if (!tools.is_array()) throw bad_request(fmt::format("'{}' must be a list", path)).at(path);
  Json out = Json::array();
  for (std::size_t i = 0; i < tools.size(); ++i) {
    Fields tool(tools[i], fmt::format("{}[{}]", path, i));
    if (tool.need_text("type") != "function") tool.fail("type", "must be 'function': other tools are not run here");
    const Json* nested = tool.find("function");
    Fields function(nested != nullptr ? *nested : tools[i],
                    nested != nullptr ? tool.path_of("function") : fmt::format("{}[{}]", path, i));
    Json entry{{"name", function.need_text("name")}};
    if (const auto description = function.text("description")) entry["description"] = *description;
    const Json* parameters = function.find("parameters");
    entry["parameters"] =
        parameters != nullptr ? *parameters : Json{{"type", "object"}, {"properties", Json::object()}};
    out.push_back({{"type", "function"}, {"function", std::move(entry)}});
  }
  return out;
}

ToolChoice read_tool_choice(const Json& choice, const std::string& path) {
  using Kind = ToolChoice::Kind;
  if (choice == "auto") return {.kind = Kind::automatic};
  if (choice == "none") return {.kind = Kind::none};
  if (choice == "required") return {.kind = Kind::required};
  if (choice.is_string())
    throw bad_request(fmt::format("'{}' must be 'auto', 'none', 'required' or a function", path)).at(path);
  Fields fields(choice, path);
  if (fields.need_text("type") != "function") fields.fail("type", "must be 'function'");
  if (const Json* nested = fields.find("function")) {
    Fields inner(*nested, fields.path_of("function"));
    return {.kind = Kind::required, .name = inner.need_text("name")};
  }
  return {.kind = Kind::required, .name = fields.need_text("name")};
}

Json thinking_values(const std::string& effort) {
  if (effort == "none") return {{"enable_thinking", false}};
  return {{"reasoning_effort", effort}};
}

void refuse_unknown(const Fields& fields) {
  if (const auto unknown = fields.unknown())
    throw bad_request(fmt::format("unknown field '{}'", *unknown)).at(*unknown);
}

}  // namespace plimsoll::api
