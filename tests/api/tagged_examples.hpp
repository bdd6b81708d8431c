// How the forms whose arguments stand in tags write calls of tool_examples' functions, and of others.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "api/tool_calls.hpp"

namespace plimsoll::test {

using Texts = std::vector<std::pair<std::string, std::string>>;  // by the parameter's name

inline std::string call_in_tags(grammar::ToolForm form, const std::string& name, const Texts& arguments) {
  const bool coder = form == grammar::ToolForm::coder;
  std::string out = coder ? "<tool_call>\n<function=" + name + ">\n" : "<tool_call>" + name + "\n";
  for (const auto& [key, text] : arguments)
    out += coder ? "<parameter=" + key + ">\n" + text + "\n</parameter>\n"
                 : "<arg_key>" + key + "</arg_key>\n<arg_value>" + text + "</arg_value>\n";
  return out + (coder ? "</function>\n</tool_call>" : "</tool_call>");
}

inline std::string ulm(grammar::ToolForm form) { return call_in_tags(form, "weather", {{"city", "Ulm"}}); }

inline std::string ulm_and_wea(grammar::ToolForm form) { return ulm(form) + "\n" + call_in_tags(form, "wea", {}); }

inline constexpr grammar::ToolForm kTaggedForms[] = {grammar::ToolForm::coder, grammar::ToolForm::glm};

// One function with these parameters.
inline api::Json tool_of(const std::string& parameters) {
  return api::Json::array(
      {{{"type", "function"}, {"function", {{"name", "f"}, {"parameters", api::Json::parse(parameters)}}}}});
}

}  // namespace plimsoll::test
