// TaggedForm: the tags of a form whose calls are no JSON: each argument stands between tags of its own.
#pragma once
#include <string_view>

#include "grammar/tool_form.hpp"

namespace plimsoll::grammar {

struct TaggedForm {
  std::string_view name_begin;  // empty: the name follows the call's opening tag
  std::string_view name_end;    // one character; empty: it ends where something else begins
  std::string_view key_begin;
  std::string_view key_end;
  std::string_view value_begin;  // empty: the value follows its key
  std::string_view value_end;
  std::string_view end;    // behind the last argument
  bool values_have_lines;  // of their own: a line break before and behind a value is none of its
};

inline constexpr std::string_view kTaggedBegin = "<tool_call>";
inline constexpr std::string_view kTaggedEnd = "</tool_call>";
inline constexpr TaggedForm kCoderForm{.name_begin = "<function=",
                                       .name_end = ">",
                                       .key_begin = "<parameter=",
                                       .key_end = ">",
                                       .value_begin = "",
                                       .value_end = "</parameter>",
                                       .end = "</function>",
                                       .values_have_lines = true};
inline constexpr TaggedForm kGlmForm{.name_begin = "",
                                     .name_end = "",
                                     .key_begin = "<arg_key>",
                                     .key_end = "</arg_key>",
                                     .value_begin = "<arg_value>",
                                     .value_end = "</arg_value>",
                                     .end = "</tool_call>",
                                     .values_have_lines = false};

// Null: the form's calls are JSON.
[[nodiscard]] constexpr const TaggedForm* tagged_form(ToolForm form) {
  return form == ToolForm::coder ? &kCoderForm : form == ToolForm::glm ? &kGlmForm : nullptr;
}

}  // namespace plimsoll::grammar
