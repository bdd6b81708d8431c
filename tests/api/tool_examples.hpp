// Two functions, and how each form writes calls of them.
#pragma once
#include <algorithm>
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
  std::string one;                       // weather of Ulm
  std::string several;                   // the same, and wea; empty: not in this form
  std::vector<std::string> ids{"", ""};  // of these calls
  // How the pieces of `one` are written:
  std::string ulm = R"("Ulm")";
  std::string days = R"(,"days":)";  // behind that
  std::string arguments = R"({"city": "Ulm"})";
  std::string no_arguments = "{}";
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
       R"({"tool_calls":[)" + kUlm + "," + kWea + "]}"},
      {ToolForm::named,
       "named",
       R"([TOOL_CALLS]weather[ARGS]{"city": "Ulm"})",
       R"([TOOL_CALLS]weather[CALL_ID]abcdef012[ARGS]{"city": "Ulm"}[TOOL_CALLS]wea[ARGS] {})",
       {"abcdef012", ""}},
      {ToolForm::channels, "channels",
       R"(<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Ulm"})", ""},
      {ToolForm::deepseek, "deepseek",
       R"(<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{"city": "Ulm"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>)",
       "<｜tool▁call▁begin｜>weather<｜tool▁sep｜>{\"city\":\"Ulm\"}<｜tool▁call▁end｜>\n"
       "<｜tool▁call▁begin｜>wea<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
      {ToolForm::fenced, "fenced",
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{\"city\": \"Ulm\"}\n"
       "```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{\"city\": \"Ulm\"}\n"
       "```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>wea\n```json\n{}\n"
       "```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
      {ToolForm::kimi,
       "kimi",
       "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{\"city\": "
       "\"Ulm\"}"
       "<|tool_call_end|><|tool_calls_section_end|>",
       "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{\"city\": "
       "\"Ulm\"}"
       "<|tool_call_end|><|tool_call_begin|>functions.wea:1<|tool_call_argument_begin|>{}<|tool_call_end|>"
       "<|tool_calls_section_end|>",
       {"functions.weather:0", "functions.wea:1"}},
      {ToolForm::functionary, "functionary", R"(<function=weather>{"city": "Ulm"}</function>)",
       "<function=weather>{\"city\": \"Ulm\"}</function>\n<function=wea>{}</function>"},
      {ToolForm::nemotron, "nemotron", "<TOOLCALL>[" + kUlm + "]</TOOLCALL>",
       "<TOOLCALL>[" + kUlm + ", " + kWea + "]</TOOLCALL>"},
      {ToolForm::apriel, "apriel", "<tool_calls>[" + kUlm + "]</tool_calls>",
       "<tool_calls>[" + kUlm + ", " + kWea + "]</tool_calls>"},
      {ToolForm::granite, "granite", "<|tool_call|>[" + kUlm + "]", "<|tool_call|>[" + kUlm + ", " + kWea + "]"},
      {ToolForm::cohere, "cohere",
       R"(<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "weather", "parameters": {"city": "Ulm"}}]<|END_ACTION|>)",
       R"(<|START_ACTION|>[{"tool_name": "weather", "parameters": {"city": "Ulm"}},)"
       R"({"tool_call_id": "1", "tool_name": "wea", "parameters": {}}]<|END_ACTION|>)"},
      {ToolForm::gigachat, "gigachat", "<|message_sep|>\n\nfunction call<|role_sep|>\n" + kUlm, ""},
      {ToolForm::lfm,
       "lfm",
       R"(<|tool_call_start|>[weather(city="Ulm")]<|tool_call_end|>)",
       R"(<|tool_call_start|>[weather(city='Ulm'), wea()]<|tool_call_end|>)",
       {"", ""},
       R"("Ulm")",
       ", days=",
       R"((city="Ulm"))",
       "()"},
      {ToolForm::gemma,
       "gemma",
       R"(<|tool_call>call:weather{city:<|"|>Ulm<|"|>}<tool_call|>)",
       R"(<|tool_call>call:weather{city:<|"|>Ulm<|"|>}<tool_call|><|tool_call>call:wea{}<tool_call|>)",
       {"", ""},
       R"(<|"|>Ulm<|"|>)",
       ",days:",
       R"({city:<|"|>Ulm<|"|>})",
       "{}"}};
  return kExamples;
}

inline bool is_ascii(const FormExample& example) {
  return std::ranges::all_of(example.one, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace plimsoll::test
