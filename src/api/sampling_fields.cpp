// How a token is chosen: OpenAI's fields, llama-server's names beside them, and what vLLM, TGI and Mistral call the
// same.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>

#include "api/unknown_fields.hpp"

#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

constexpr double kAnything = 1e9;

// Reads into the sampling of one request, and notes what was given.
class SamplingReader {
 public:
  SamplingReader(Fields& fields, TextRequest& request) : fields_(fields), request_(request) {}

  template <class Number>
  void number(Number engine::SamplingParams::* member, const char* name, double least, double most,
              std::initializer_list<const char*> other_names = {}) {
    const auto set = [&](const char* key) {
      const auto given = fields_.number(key, least, most);
      if (!given || !request_.sampling_given.insert(name).second) return;  // the first one counts
      request_.sampling.*member = static_cast<Number>(*given);
    };
    set(name);
    for (const char* key : other_names) set(key);
  }

  void seed() {
    for (const char* key : {"seed", "random_seed"}) {
      const auto given =
          fields_.whole(key, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
      if (given) request_.sampling.seed = static_cast<std::uint32_t>(*given);
      if (given) request_.sampling_given.insert("seed");
    }
  }

  // Hugging Face's way to ask for the likeliest token.
  void greedy() {
    if (fields_.flag("do_sample").value_or(true)) return;
    request_.sampling.temperature = 0;
    request_.sampling_given.insert("temperature");
  }

  void samplers() {
    const Json* given = fields_.find("samplers");
    if (given == nullptr) return;
    const std::size_t count = given->is_string() ? given->get_ref<const std::string&>().size() : given->size();
    if (count > kMostSamplers) fields_.fail("samplers", fmt::format("may hold {} samplers at most", kMostSamplers));
    std::vector<std::string> names = given->is_string() ? of_letters(given->get<std::string>()) : texts("samplers");
    std::erase_if(names, [this](const std::string& name) { return is_gone(name); });
    if (names.empty() && count > 0) return;
    for (const std::string& name : names) {
      if (engine::sampler_from_name(name).empty())
        fields_.fail("samplers", fmt::format("has '{}', which is not the name of a sampler", name));
    }
    request_.sampling.samplers = std::move(names);
    request_.sampling_given.insert("samplers");
  }

  void sequence_breakers() {
    constexpr const char* kKey = "dry_sequence_breakers";
    const Json* given = fields_.find(kKey);
    if (given == nullptr || *given == Json("")) return;
    std::vector<std::string> breakers = texts_of(kKey, given->is_string() ? list_in(*given) : *given);
    if (breakers.size() > kMostBreakers) fields_.fail(kKey, fmt::format("may hold {} texts at most", kMostBreakers));
    request_.sampling.dry_sequence_breakers = std::move(breakers);
    request_.sampling_given.insert(kKey);
  }

  void end_of_sequence() {
    const auto ignore = fields_.flag("ignore_eos");
    if (!ignore) return;
    request_.sampling.ignore_eos = *ignore;
    request_.sampling_given.insert("ignore_eos");
  }

  void biases() {
    const Json* given = fields_.find("logit_bias");
    if (given == nullptr) return;
    if (given->is_structured() && given->size() > kMostNamedTokens)
      fields_.fail("logit_bias", fmt::format("may hold {} biases at most", kMostNamedTokens));
    if (given->is_object()) {
      for (const auto& [key, value] : given->items()) {
        if (!value.is_null()) add_bias(key, strength(value));
      }
    } else if (given->is_array()) {
      for (const Json& pair : *given) add_pair(pair);
    } else {
      fields_.fail("logit_bias", "must be an object of token ids or texts and numbers, or a list of such pairs");
    }
  }

 private:
  // llama.cpp had it once, and front ends that keep their settings go on naming it.
  [[nodiscard]] bool is_gone(const std::string& name) const {
    if (name != "tfs_z" && name != "tfs") return false;
    UnknownFields::met(fmt::format("{}={}", fields_.path_of("samplers"), name), "there is no such sampler any more");
    return true;
  }

  // llama.cpp's letters.
  [[nodiscard]] std::vector<std::string> of_letters(const std::string& letters) const {
    static const std::map<char, const char*> kNames{
        {'e', "penalties"}, {'d', "dry"}, {'s', "top_n_sigma"}, {'k', "top_k"},  {'y', "typ_p"},      {'p', "top_p"},
        {'m', "min_p"},     {'x', "xtc"}, {'t', "temperature"}, {'i', "infill"}, {'a', "adaptive_p"}, {'f', "tfs_z"}};
    std::vector<std::string> names;
    for (const char letter : letters) {
      const auto found = kNames.find(letter);
      if (found == kNames.end())
        fields_.fail("samplers", fmt::format("has the letter '{}', which stands for no sampler", letter));
      names.emplace_back(found->second);
    }
    return names;
  }

  // Of SillyTavern and text-generation-webui's clients: a list as text, with its brackets or without.
  [[nodiscard]] static Json list_in(const Json& text) {
    const auto written = text.get<std::string>();
    if (std::optional<Json> list = json_inside(written); list && list->is_array()) return std::move(*list);
    return json_inside('[' + written + ']').value_or(Json());
  }

  [[nodiscard]] std::vector<std::string> texts(const char* key) { return texts_of(key, fields_.need(key)); }

  [[nodiscard]] std::vector<std::string> texts_of(const char* key, const Json& given) const {
    if (!given.is_array() || !std::ranges::all_of(given, [](const Json& one) { return one.is_string(); }))
      fields_.fail(key, "must be a list of texts");
    return given.get<std::vector<std::string>>();
  }

  [[nodiscard]] float strength(const Json& value) const {
    if (value == Json(false)) return -std::numeric_limits<float>::infinity();
    const double bias = value.is_number() ? value.get<double>() : kAnything;
    if (!(bias >= -100 && bias <= 100)) fields_.fail("logit_bias", "must hold numbers from -100 to 100, or false");
    return static_cast<float>(bias);
  }

  void add_bias(const std::string& key, float bias) {
    engine::Token token = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token);
    const bool is_number = end == key.data() + key.size() && !key.empty();
    if (is_number && (error != std::errc() || token < 0))
      fields_.fail("logit_bias", fmt::format("has '{}' as a member, which is not a token id", key));
    if (is_number)
      request_.sampling.logit_bias.push_back({.token = token, .bias = bias});
    else
      request_.text_biases.push_back({.text = key, .bias = bias});
  }

  void add_pair(const Json& pair) {
    if (!pair.is_array() || pair.size() != 2 || !(pair[0].is_string() || pair[0].is_number_integer()))
      fields_.fail("logit_bias", "must hold pairs of a token id or a text and a number");
    if (pair[1].is_null()) return;
    if (pair[0].is_string())
      request_.text_biases.push_back({.text = pair[0].get<std::string>(), .bias = strength(pair[1])});
    else
      add_bias(pair[0].dump(), strength(pair[1]));
  }

  Fields& fields_;
  TextRequest& request_;
};

}  // namespace

void read_sampling(Fields& fields, TextRequest& request) {
  using Params = engine::SamplingParams;
  SamplingReader reader(fields, request);
  reader.greedy();
  reader.number(&Params::temperature, "temperature", 0, 100);
  reader.number(&Params::top_p, "top_p", 0, 1);
  reader.number(&Params::penalty_frequency, "frequency_penalty", -kAnything, kAnything);
  reader.number(&Params::penalty_presence, "presence_penalty", -kAnything, kAnything);
  reader.number(&Params::top_k, "top_k", -1, 1e6);
  reader.number(&Params::min_p, "min_p", 0, 1);
  reader.number(&Params::typical_p, "typical_p", 0, 1, {"typ_p"});
  reader.number(&Params::top_n_sigma, "top_n_sigma", -1, 1e3);
  reader.number(&Params::xtc_probability, "xtc_probability", 0, 1);
  reader.number(&Params::xtc_threshold, "xtc_threshold", 0, 1);
  reader.number(&Params::penalty_repeat, "repeat_penalty", 0, 100, {"repetition_penalty"});
  reader.number(&Params::penalty_last_n, "repeat_last_n", -1, kAnything);
  reader.number(&Params::dry_multiplier, "dry_multiplier", 0, 100);
  reader.number(&Params::dry_base, "dry_base", 0, 100);
  reader.number(&Params::dry_allowed_length, "dry_allowed_length", 0, kAnything);
  reader.number(&Params::dry_last_n, "dry_penalty_last_n", -1, kAnything);
  reader.number(&Params::mirostat, "mirostat", 0, 2);
  reader.number(&Params::mirostat_tau, "mirostat_tau", 0, 100);
  reader.number(&Params::mirostat_eta, "mirostat_eta", 0, 100);
  reader.number(&Params::dynatemp_range, "dynatemp_range", 0, 100);
  reader.number(&Params::dynatemp_exponent, "dynatemp_exponent", 0, 100);
  reader.number(&Params::adaptive_target, "adaptive_target", -1, 1);
  reader.number(&Params::adaptive_decay, "adaptive_decay", 0, 0.99);
  reader.number(&Params::min_keep, "min_keep", 0, kAnything);
  reader.seed();
  reader.end_of_sequence();
  reader.samplers();
  reader.sequence_breakers();
  reader.biases();
}

}  // namespace plimsoll::api
