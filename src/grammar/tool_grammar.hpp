// tool_grammar: the GBNF grammar of an answer in which a model calls functions.
#pragma once
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "grammar/tool_form.hpp"

namespace plimsoll::grammar {

// The functions that an answer may call. Where no grammar can be made of a function's parameters, its arguments are any
// JSON object.
struct CallableTools {
  const nlohmann::ordered_json&
      tools;  // [{"type": "function", "function": {"name", "parameters"}}, ...]; outlives this
  ToolForm form = ToolForm::listed;
  bool parallel = true;  // several calls in one answer, where the form has them
};

// Both grammars' root is "root". Any thread.
// Nothing but calls, from the first token on.
[[nodiscard]] std::string grammar_of_calls(const CallableTools& tools);
// Any text until a call begins. With `text_grammar`, an answer without calls follows that, from its rule `text_root`.
[[nodiscard]] std::string grammar_of_text_or_calls(const CallableTools& tools, const std::string& text_grammar,
                                                   const std::string& text_root);

}  // namespace plimsoll::grammar
