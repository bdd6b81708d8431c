// TaggedForm: a form whose calls are no JSON: each argument stands between tags of its own. The server reads a family's
// form once its row is here, its name in ToolForm, and the words that tell its templates in tool_form.cpp.
#pragma once
#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "grammar/tool_form.hpp"

namespace plimsoll::grammar {

struct TaggedForm {
  ToolForm form;
  std::string_view begin;       // of a call, or of all calls of an answer
  std::string_view name_begin;  // empty: the name follows `begin`; else models may leave `begin` out
  std::string_view name_end;    // empty: it ends where something else begins
  std::string_view key_begin;
  std::string_view key_end;
  std::string_view value_begin;  // empty: the value follows its key
  std::string_view value_end;
  std::string_view end;            // behind the last argument
  std::string_view close{};        // of what `begin` begins; empty: `end` is that, too
  bool has_several = false;        // calls between `begin` and `close`
  bool values_have_lines = false;  // of their own: a line break before and behind a value is none of its

  // Between a key and its value, which says of itself what it is. Empty: it does not.
  std::string_view text_mark{};
  std::string_view json_mark{};

  // What begins a call; the first one is `begin`.
  [[nodiscard]] std::vector<std::string_view> openings() const {
    if (name_begin.empty()) return {begin};
    return {begin, name_begin};
  }
};

inline constexpr std::array kTaggedForms{
    TaggedForm{.form = ToolForm::coder,
               .begin = "<tool_call>",
               .name_begin = "<function=",
               .name_end = ">",
               .key_begin = "<parameter=",
               .key_end = ">",
               .value_begin = "",
               .value_end = "</parameter>",
               .end = "</function>",
               .close = "</tool_call>",
               .values_have_lines = true},
    TaggedForm{.form = ToolForm::glm,
               .begin = "<tool_call>",
               .name_begin = "",
               .name_end = "",
               .key_begin = "<arg_key>",
               .key_end = "</arg_key>",
               .value_begin = "<arg_value>",
               .value_end = "</arg_value>",
               .end = "</tool_call>"},
    TaggedForm{.form = ToolForm::minimax,
               .begin = "<minimax:tool_call>",
               .name_begin = "<invoke name=\"",
               .name_end = "\">",
               .key_begin = "<parameter name=\"",
               .key_end = "\">",
               .value_begin = "",
               .value_end = "</parameter>",
               .end = "</invoke>",
               .close = "</minimax:tool_call>",
               .has_several = true},
    TaggedForm{.form = ToolForm::seed,
               .begin = "<seed:tool_call>",
               .name_begin = "<function=",
               .name_end = ">",
               .key_begin = "<parameter=",
               .key_end = ">",
               .value_begin = "",
               .value_end = "</parameter>",
               .end = "</function>",
               .close = "</seed:tool_call>"},
    TaggedForm{.form = ToolForm::dsml,
               .begin = "<｜DSML｜function_calls>",
               .name_begin = "<｜DSML｜invoke name=\"",
               .name_end = "\">",
               .key_begin = "<｜DSML｜parameter name=\"",
               .key_end = "\"",
               .value_begin = "",
               .value_end = "</｜DSML｜parameter>",
               .end = "</｜DSML｜invoke>",
               .close = "</｜DSML｜function_calls>",
               .has_several = true,
               .text_mark = " string=\"true\">",
               .json_mark = " string=\"false\">"},
};

// Null: the form is another.
[[nodiscard]] constexpr const TaggedForm* tagged_form(ToolForm form) {
  const auto* const found = std::ranges::find(kTaggedForms, form, &TaggedForm::form);
  return found == kTaggedForms.end() ? nullptr : &*found;
}

}  // namespace plimsoll::grammar
