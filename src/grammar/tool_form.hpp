// ToolForm: how a model writes a call of a function into its text.
#pragma once
#include <string_view>

namespace plimsoll::grammar {

// The forms that chat templates teach.
enum class ToolForm {
  hermes,   // <tool_call>{"name": ..., "arguments": {...}}</tool_call>, one after the other (Qwen, Hermes, ...)
  mistral,  // [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...]
  bare,     // {"name": ..., "parameters": {...}} as the whole answer, one call (Llama 3)
  coder,    // <tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call> (Qwen3-Coder)
  glm,      // <tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call> (GLM 4.5)
  listed,   // {"tool_calls": [{"name": ..., "arguments": {...}}, ...]}: templates that know no tools are told this one
};
// Recognised by words in the template's source; `listed` where none is found.
[[nodiscard]] ToolForm tool_form(std::string_view template_source);

}  // namespace plimsoll::grammar
