// MarkedForm: a form whose calls stand between marks, with their arguments as JSON. The server reads a family's form
// once its row is here, its name in ToolForm, and the words that tell its templates in tool_form.cpp.
#pragma once
#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <vector>

#include "grammar/tool_form.hpp"

namespace plimsoll::grammar {

inline constexpr std::string_view kGemmaQuote = "<|\"|>";

struct MarkedForm {
  // What stands between `begin` and `end`.
  enum class Inside {
    arguments,  // the function's name, what may follow it, `between`, and the arguments
    call,       // {"name": ..., "arguments": {...}}
    calls,      // a list of those; it is the whole section
  };
  // How what is said there is written.
  enum class Values {
    json,
    python,  // a list of calls is [NAME(KEY=VALUE, ...), ...]; values are JSON's or Python's
    gemma,   // {KEY:VALUE,...}; texts stand between kGemmaQuote
  };

  ToolForm form;
  Inside inside;
  std::string_view begin;      // of a call
  std::string_view end{};      // models may leave it out
  std::string_view section{};  // before the first call; models may leave it out
  std::string_view section_end{};
  std::array<std::string_view, 2> other_begins{};
  std::string_view seen{};  // the end of the prompt, as far as a `begin` may have begun there
  bool ends_there = false;  // `end` ends the answer, too: it is seldom seen, and there is one call
  bool is_single = false;   // one call in an answer
  Values values = Values::json;

  // Where the name stands outside of the JSON:
  std::string_view between{};  // before the arguments
  std::string_view follows{};  // GBNF of what stands between the name and `between`; empty: nothing
  std::string_view id{};       // of what stands there, what is before the call's id
  bool id_is_whole = false;    // the id is all from the name's prefix on, as Kimi's functions.NAME:0
  std::string_view prefix{};   // of the name, at the end of `begin`
  std::string_view written{};  // what `follows` is in a call that is written

  // Where the name stands in it:
  std::string_view name_key = "name";
  std::string_view arguments_key = "arguments";
  std::string_view first{};  // GBNF of the members before the name, with the comma

  // In calls that are written:
  std::string_view before_end{};
  std::string_view apart{};  // between one and the next

  // Text without calls, where the answer has to follow a grammar and a model would not begin with it as it is.
  std::string_view text_begin{};

  // What begins a call, from its section's mark on; that one is the first where there is one.
  [[nodiscard]] std::vector<std::string_view> openings() const {
    std::vector<std::string_view> out;
    if (!section.empty()) out.push_back(section);
    out.push_back(begin);
    std::ranges::copy_if(other_begins, std::back_inserter(out), [](std::string_view mark) { return !mark.empty(); });
    return out;
  }
};

inline constexpr std::array kMarkedForms{
    MarkedForm{.form = ToolForm::hermes,
               .inside = MarkedForm::Inside::call,
               .begin = "<tool_call>",
               .end = "</tool_call>",
               .apart = "\n"},
    MarkedForm{.form = ToolForm::mistral, .inside = MarkedForm::Inside::calls, .begin = "[TOOL_CALLS]"},
    MarkedForm{.form = ToolForm::named,
               .inside = MarkedForm::Inside::arguments,
               .begin = "[TOOL_CALLS]",
               .between = "[ARGS]",
               .follows = R"(("[CALL_ID]" [a-zA-Z0-9]{9,9})?)",
               .id = "[CALL_ID]"},
    MarkedForm{.form = ToolForm::channels,
               .inside = MarkedForm::Inside::arguments,
               .begin = "<|start|>assistant to=functions.",
               .end = "<|call|>",
               .other_begins = {"<|channel|>commentary to=functions.", "<|channel|>analysis to=functions."},
               .seen = "<|start|>assistant",
               .ends_there = true,
               .is_single = true,
               .between = "<|message|>",
               .follows = R"(("<|channel|>" ("commentary" | "analysis"))? (" "? "<|constrain|>json" | " json")?)",
               .written = "<|channel|>commentary json",
               .text_begin = "<|channel|>final<|message|>"},
    MarkedForm{.form = ToolForm::deepseek,
               .inside = MarkedForm::Inside::arguments,
               .begin = "<｜tool▁call▁begin｜>",
               .end = "<｜tool▁call▁end｜>",
               .section = "<｜tool▁calls▁begin｜>",
               .section_end = "<｜tool▁calls▁end｜>",
               .between = "<｜tool▁sep｜>"},
    MarkedForm{.form = ToolForm::fenced,
               .inside = MarkedForm::Inside::arguments,
               .begin = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
               .end = "```<｜tool▁call▁end｜>",
               .section = "<｜tool▁calls▁begin｜>",
               .section_end = "<｜tool▁calls▁end｜>",
               .between = "\n```json\n",
               .before_end = "\n",
               .apart = "\n"},
    MarkedForm{.form = ToolForm::kimi,
               .inside = MarkedForm::Inside::arguments,
               .begin = "<|tool_call_begin|>functions.",
               .end = "<|tool_call_end|>",
               .section = "<|tool_calls_section_begin|>",
               .section_end = "<|tool_calls_section_end|>",
               .between = "<|tool_call_argument_begin|>",
               .follows = R"(":" [0-9]{1,4})",
               .id = ":",
               .id_is_whole = true,
               .prefix = "functions."},
    MarkedForm{.form = ToolForm::functionary,
               .inside = MarkedForm::Inside::arguments,
               .begin = "<function=",
               .end = "</function>",
               .between = ">"},
    MarkedForm{
        .form = ToolForm::nemotron, .inside = MarkedForm::Inside::calls, .begin = "<TOOLCALL>", .end = "</TOOLCALL>"},
    MarkedForm{
        .form = ToolForm::apriel, .inside = MarkedForm::Inside::calls, .begin = "<tool_calls>", .end = "</tool_calls>"},
    MarkedForm{.form = ToolForm::granite, .inside = MarkedForm::Inside::calls, .begin = "<|tool_call|>"},
    MarkedForm{.form = ToolForm::lfm,
               .inside = MarkedForm::Inside::calls,
               .begin = "<|tool_call_start|>",
               .end = "<|tool_call_end|>",
               .values = MarkedForm::Values::python},
    MarkedForm{.form = ToolForm::gemma,
               .inside = MarkedForm::Inside::arguments,
               .begin = "<|tool_call>call:",
               .end = "<tool_call|>",
               .values = MarkedForm::Values::gemma},
    MarkedForm{.form = ToolForm::cohere,
               .inside = MarkedForm::Inside::calls,
               .begin = "<|START_ACTION|>",
               .end = "<|END_ACTION|>",
               .name_key = "tool_name",
               .arguments_key = "parameters",
               .first = R"(("\"tool_call_id\"" ws ":" ws "\"" [0-9]{1,4} "\"" ws "," ws)?)"},
    MarkedForm{.form = ToolForm::gigachat,
               .inside = MarkedForm::Inside::call,
               .begin = "<|message_sep|>\n\nfunction call<|role_sep|>\n",
               .other_begins = {"function call<|role_sep|>\n"},
               .is_single = true},
};

// Null: the form is another.
[[nodiscard]] constexpr const MarkedForm* marked_form(ToolForm form) {
  const auto* const found = std::ranges::find(kMarkedForms, form, &MarkedForm::form);
  return found == kMarkedForms.end() ? nullptr : &*found;
}

}  // namespace plimsoll::grammar
