#include "grammar/call_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include <nlohmann/json.hpp>

#include "grammar/marked_form.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of_arguments(const Json& call) {
  const Json arguments = call.value("arguments", Json::object());
  return arguments.is_string() ? arguments.get<std::string>() : arguments.dump();
}

std::string gemma_literal_of(const Json& value) {
  if (value.is_string()) return fmt::format("{0}{1}{0}", kGemmaQuote, value.get<std::string>());
  if (!value.is_structured()) return value.dump();
  std::vector<std::string> texts;
  for (const auto& [key, of] : value.items())
    texts.push_back(value.is_object() ? fmt::format("{}:{}", key, gemma_literal_of(of)) : gemma_literal_of(of));
  return fmt::format(fmt::runtime(value.is_object() ? "{{{}}}" : "[{}]"), fmt::join(texts, ","));
}

// As Python writes it.
std::string literal_of(const Json& value) {
  if (value.is_boolean()) return value == true ? "True" : "False";
  if (value.is_null()) return "None";
  if (!value.is_structured()) return value.dump();
  std::vector<std::string> texts;
  for (const auto& [key, of] : value.items())
    texts.push_back(value.is_object() ? fmt::format("{}: {}", Json(key).dump(), literal_of(of)) : literal_of(of));
  return fmt::format(fmt::runtime(value.is_object() ? "{{{}}}" : "[{}]"), fmt::join(texts, ", "));
}

Json arguments_of(const Json& call) {
  Json arguments = call.value("arguments", Json::object());
  if (arguments.is_string()) arguments = Json::parse(arguments.get<std::string>(), nullptr, false);
  return arguments.is_object() ? arguments : Json::object();
}

std::string python_call(const Json& call) {
  const Json arguments = arguments_of(call);
  std::vector<std::string> texts;
  for (const auto& [key, of] : arguments.items()) texts.push_back(fmt::format("{}={}", key, literal_of(of)));
  return fmt::format("{}({})", call.at("name").get<std::string>(), fmt::join(texts, ", "));
}

std::string object_of(const MarkedForm& form, const Json& call) {
  return fmt::format(R"({{"{}": {}, "{}": {}}})", form.name_key, call.at("name").dump(), form.arguments_key,
                     text_of_arguments(call));
}

// Ids are left out, but where a call has none without.
std::string one_call(const MarkedForm& form, const Json& call, std::size_t index) {
  std::string out(form.begin);
  if (form.inside == MarkedForm::Inside::call) {
    out += object_of(form, call);
  } else {
    out += call.at("name").get<std::string>();
    if (form.id_is_whole) out += fmt::format("{}{}", form.id, index);
    out += form.written;
    out += form.between;
    out += form.values == MarkedForm::Values::gemma ? gemma_literal_of(arguments_of(call)) : text_of_arguments(call);
  }
  out += form.before_end;
  out += form.end;
  return out;
}

}  // namespace

std::string call_text(ToolForm form, const Json& calls) {
  const MarkedForm* marked = marked_form(form);
  if (marked == nullptr) return {};
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (marked->inside != MarkedForm::Inside::calls)
      texts.push_back(one_call(*marked, calls[i], i));
    else
      texts.push_back(marked->values == MarkedForm::Values::python ? python_call(calls[i])
                                                                   : object_of(*marked, calls[i]));
  }
  if (marked->inside == MarkedForm::Inside::calls)
    return fmt::format("{}[{}]{}", marked->begin, fmt::join(texts, ", "), marked->end);
  return fmt::format("{}{}{}", marked->section, fmt::join(texts, marked->apart), marked->section_end);
}

}  // namespace plimsoll::grammar
