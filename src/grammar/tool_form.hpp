// ToolForm: how a model writes a call of a function into its text.
#pragma once
#include <array>
#include <string_view>

namespace plimsoll::grammar {

// The forms that chat templates teach. Those of marked_form.hpp are rows of its table, those of tagged_form.hpp of
// that.
enum class ToolForm {
  hermes,    // <tool_call>{"name": ..., "arguments": {...}}</tool_call>, one after the other (Qwen, Hermes, ...)
  mistral,   // [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...]
  named,     // [TOOL_CALLS]NAME[ARGS]{...} (Mistral's newer models)
  channels,  // <|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|> (gpt-oss)
  deepseek,  // <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{...}<｜tool▁call▁end｜>... (DeepSeek V3.1)
  fenced,    // the same with function<｜tool▁sep｜>NAME and the arguments in ```json ... ``` (DeepSeek R1, V3)
  kimi,      // <|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{...}<|tool_call_end|> (Kimi K2)
  functionary,  // <function=NAME>{...}</function> (Functionary v3.1)
  nemotron,     // <TOOLCALL>[{"name": ..., "arguments": {...}}, ...]</TOOLCALL> (Nemotron v2)
  apriel,       // <tool_calls>[{"name": ..., "arguments": {...}}, ...]</tool_calls> (Apriel)
  granite,      // <|tool_call|>[{"name": ..., "arguments": {...}}, ...] (Granite 3.3)
  cohere,       // <|START_ACTION|>[{"tool_call_id": "0", "tool_name": ..., "parameters": {...}}, ...]<|END_ACTION|>
  gigachat,     // function call<|role_sep|>{"name": ..., "arguments": {...}} (GigaChat 3)
  lfm,          // <|tool_call_start|>[NAME(KEY=VALUE, ...), ...]<|tool_call_end|> (LFM2)
  gemma,        // <|tool_call>call:NAME{KEY:<|"|>TEXT<|"|>,KEY:1}<tool_call|> (Gemma 4)
  bare,         // {"name": ..., "parameters": {...}} as the whole answer, one call (Llama 3)
  coder,        // <tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call> (Qwen3-Coder)
  glm,          // <tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call> (GLM 4.5)
  minimax,  // <minimax:tool_call><invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke>... (MiniMax M2)
  seed,     // <seed:tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></seed:tool_call> (Seed-OSS)
  dsml,     // <｜DSML｜function_calls><｜DSML｜invoke name="NAME">, likewise with a parameter (DeepSeek V3.2)
  listed,   // {"tool_calls": [{"name": ..., "arguments": {...}}, ...]}: templates that know no tools are told it
};
inline constexpr std::array kToolForms{ToolForm::hermes,   ToolForm::mistral, ToolForm::named,   ToolForm::channels,
                                       ToolForm::deepseek, ToolForm::fenced,  ToolForm::kimi,    ToolForm::functionary,
                                       ToolForm::nemotron, ToolForm::apriel,  ToolForm::granite, ToolForm::cohere,
                                       ToolForm::gigachat, ToolForm::bare,    ToolForm::coder,   ToolForm::glm,
                                       ToolForm::minimax,  ToolForm::seed,    ToolForm::lfm,     ToolForm::gemma,
                                       ToolForm::dsml,     ToolForm::listed};

// Recognised by words in the template's source; `listed` where none is found.
[[nodiscard]] ToolForm tool_form(std::string_view template_source);

}  // namespace plimsoll::grammar
