#include "engine/file_sampling.hpp"

#include <array>
#include <cctype>
#include <sstream>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "engine/model.hpp"
#include "engine/sampling_json.hpp"

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

// The file's name, and ours.
constexpr std::array<std::pair<const char*, const char*>, 11> kNumbers{{{"temp", "temperature"},
                                                                        {"top_k", "top_k"},
                                                                        {"top_p", "top_p"},
                                                                        {"min_p", "min_p"},
                                                                        {"xtc_probability", "xtc_probability"},
                                                                        {"xtc_threshold", "xtc_threshold"},
                                                                        {"penalty_last_n", "repeat_last_n"},
                                                                        {"penalty_repeat", "repeat_penalty"},
                                                                        {"mirostat", "mirostat"},
                                                                        {"mirostat_tau", "mirostat_tau"},
                                                                        {"mirostat_eta", "mirostat_eta"}}};

// "top_k;top_p": files carry names, not llama.cpp's letters.
Json names_of(const std::string& list) {
  Json names = Json::array();
  std::istringstream stream(list);
  for (std::string name; std::getline(stream, name, ';');) names.push_back(name);
  return names;
}

Json number_of(const std::string& text) {
  Json number = Json::parse(text, nullptr, false);
  if (!number.is_number()) throw Error(ErrorCode::usage, "it is not a number");
  return number;
}

void lay_over(PartialSampling& all, const Json& one) {
  const PartialSampling partial = partial_sampling_from_json(one);
  all.params = laid_over(std::move(all.params), partial);
  all.given.insert(partial.given.begin(), partial.given.end());
}

}  // namespace

PartialSampling sampling_of_file(const Model& model) {
  PartialSampling all;
  const auto add = [&](const std::string& name, const char* key, auto&& read) {
    const auto text = model.metadata("general.sampling." + name);
    if (!text) return;
    try {
      lay_over(all, {{key, read(*text)}});
    } catch (const Error& error) {
      log::warn("engine", "the model file's general.sampling.{} is '{}', which is passed over: {}", name, *text,
                error.what());
    }
  };
  for (const auto& [name, key] : kNumbers) add(name, key, number_of);
  add("sequence", "samplers", names_of);
  return all;
}

}  // namespace plimsoll::engine
