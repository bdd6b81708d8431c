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
    out += text_of_arguments(call);
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
    texts.push_back(marked->inside == MarkedForm::Inside::calls ? object_of(*marked, calls[i])
                                                                : one_call(*marked, calls[i], i));
  }
  if (marked->inside == MarkedForm::Inside::calls)
    return fmt::format("{}[{}]{}", marked->begin, fmt::join(texts, ", "), marked->end);
  return fmt::format("{}{}{}", marked->section, fmt::join(texts, marked->apart), marked->section_end);
}

}  // namespace plimsoll::grammar
