// How the forms whose arguments stand in tags write calls of tool_examples' functions, and of others.
#pragma once
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "api/tool_calls.hpp"
#include "grammar/tagged_form.hpp"

namespace plimsoll::test {

using Texts = std::vector<std::pair<std::string, std::string>>;  // by the parameter's name
using CallTexts = std::vector<std::pair<std::string, Texts>>;    // by the function's name

inline std::vector<grammar::ToolForm> tagged_forms() {
  std::vector<grammar::ToolForm> out;
  for (const grammar::TaggedForm& one : grammar::kTaggedForms) out.push_back(one.form);
  return out;
}

// From behind the opening tag to before what closes it.
inline std::string tagged_body(grammar::ToolForm form, const std::string& name, const Texts& arguments) {
  const auto mark = [](const std::string& text) {  // JSON's values but texts say that they are that
    const auto json = api::Json::parse(text, nullptr, false);
    return json.is_discarded() || json.is_string() ? "true" : "false";
  };
  struct Pattern {
    const char* begin;
    const char* argument;
    const char* end;
  };
  const auto pattern = [&]() -> Pattern {
    switch (form) {
      case grammar::ToolForm::coder:
        return {"\n<function={}>\n", "<parameter={}>\n{}\n</parameter>\n", "</function>\n"};
      case grammar::ToolForm::seed:
        return {"\n<function={}>\n", "<parameter={}>{}</parameter>\n", "</function>\n"};
      case grammar::ToolForm::dsml:
        return {"\n<｜DSML｜invoke name=\"{}\">\n",
                "<｜DSML｜parameter name=\"{0}\" string=\"{2}\">{1}</｜DSML｜parameter>\n", "</｜DSML｜invoke>\n"};
      case grammar::ToolForm::minimax:
        return {"\n<invoke name=\"{}\">\n", "<parameter name=\"{}\">{}</parameter>\n", "</invoke>\n"};
      default:
        return {"{}\n", "<arg_key>{}</arg_key>\n<arg_value>{}</arg_value>\n", ""};
    }
  }();
  std::string out = fmt::format(fmt::runtime(pattern.begin), name);
  for (const auto& [key, text] : arguments) out += fmt::format(fmt::runtime(pattern.argument), key, text, mark(text));
  return out + pattern.end;
}

inline std::string calls_in_tags(grammar::ToolForm form, const CallTexts& calls) {
  const grammar::TaggedForm& tagged = *grammar::tagged_form(form);
  const std::string begin(tagged.begin);
  const std::string end(tagged.close.empty() ? tagged.end : tagged.close);
  std::string out = tagged.has_several ? begin : "";
  for (const auto& [name, arguments] : calls) {
    const std::string body = tagged_body(form, name, arguments);
    if (!tagged.has_several)
      out += (out.empty() ? "" : "\n") + begin + body + end;
    else
      out += out.ends_with('\n') ? body.substr(1) : body;
  }
  return tagged.has_several ? out + end : out;
}

inline std::string call_in_tags(grammar::ToolForm form, const std::string& name, const Texts& arguments) {
  return calls_in_tags(form, {{name, arguments}});
}

inline std::string ulm(grammar::ToolForm form) { return call_in_tags(form, "weather", {{"city", "Ulm"}}); }

inline std::string ulm_and_wea(grammar::ToolForm form) {
  return calls_in_tags(form, {{"weather", {{"city", "Ulm"}}}, {"wea", {}}});
}

// One function with these parameters.
inline api::Json tool_of(const std::string& parameters) {
  return api::Json::array(
      {{{"type", "function"}, {"function", {{"name", "f"}, {"parameters", api::Json::parse(parameters)}}}}});
}

}  // namespace plimsoll::test
