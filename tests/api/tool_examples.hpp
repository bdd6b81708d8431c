// Two functions, and how each form writes calls of them.
#pragma once
#include <string>
#include <vector>

#include "api/tool_calls.hpp"

namespace plimsoll::test {

inline api::Json two_tools() {
  return api::Json::parse(R"([
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object",
      "properties": {"city": {"type": "string"}, "days": {"$ref": "#/$defs/days"}}, "required": ["city"],
      "$defs": {"days": {"type": "integer", "minimum": 1, "maximum": 7}}}}},
    {"type": "function", "function": {"name": "wea", "parameters": {"type": "object", "properties": {}}}}])");
}

struct FormExample {
  grammar::ToolForm form;
  const char* name;
  std::string one;      // weather of Ulm
  std::string several;  // the same, and wea; empty: not in this form
};

inline const std::vector<FormExample>& form_examples() {
  using grammar::ToolForm;
  static const std::string kUlm = R"({"name": "weather", "arguments": {"city": "Ulm"}})";
  static const std::string kWea = R"({"name":"wea","arguments":{}})";
  static const std::vector<FormExample> kExamples{
      {ToolForm::hermes, "hermes", "<tool_call>\n" + kUlm + "\n</tool_call>",
       "<tool_call>\n" + kUlm + "\n</tool_call>\n<tool_call>" + kWea + "</tool_call>"},
      {ToolForm::mistral, "mistral", "[TOOL_CALLS] [" + kUlm + "]", "[TOOL_CALLS][" + kUlm + ", " + kWea + "]"},
      {ToolForm::bare, "bare", R"({"name": "weather", "parameters": {"city": "Ulm"}})", ""},
      {ToolForm::listed, "listed", R"({"tool_calls": [)" + kUlm + "]}",
       R"({"tool_calls":[)" + kUlm + "," + kWea + "]}"}};
  return kExamples;
}

}  // namespace plimsoll::test
