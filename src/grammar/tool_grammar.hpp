// tool_grammar: the GBNF grammar of an answer in which a model calls functions.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "grammar/schema_notes.hpp"
#include "grammar/tool_form.hpp"

namespace plimsoll::grammar {

// The functions that an answer may call. What no grammar holds of a function's parameters is loosened, place by place;
// where nothing of them can be held, its arguments are any JSON object.
struct CallableTools {
  const nlohmann::ordered_json&
      tools;  // [{"type": "function", "function": {"name", "parameters"}}, ...]; outlives this
  ToolForm form = ToolForm::listed;
  bool parallel = true;          // several calls in one answer, where the form has them: kMostCalls of them
  std::string_view not_first{};  // what no text begins with, since that is a thought's mark; see thought_grammar.hpp
};

struct ToolGrammarText {
  std::string gbnf{};               // its root is "root"
  std::vector<SchemaNote> notes{};  // pointers begin with the function's name: "weather#/properties/when/format"
};

// Any thread.
// Nothing but calls, from the first token on.
[[nodiscard]] ToolGrammarText grammar_of_calls(const CallableTools& tools);
// Any text until a call begins. With `text_grammar`, an answer without calls follows that, from its rule `text_root`.
[[nodiscard]] ToolGrammarText grammar_of_text_or_calls(const CallableTools& tools, const std::string& text_grammar,
                                                       const std::string& text_root);
// The parameters as the schema of an object, and what of them is no such thing.
[[nodiscard]] nlohmann::ordered_json schema_of_arguments(const nlohmann::ordered_json& function);

// A model that has begun to call may find no end of it.
inline constexpr int kMostCalls = 32;

}  // namespace plimsoll::grammar
