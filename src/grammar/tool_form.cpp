#include "grammar/tool_form.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::grammar {
namespace {

// The words of a form that stand in its templates, and one that does not; empty: any. The first row whose words are
// there is the template's.
struct Sign {
  ToolForm form;
  std::array<std::string_view, 3> words;
  std::string_view without{};
};

constexpr std::array kSigns{
    Sign{.form = ToolForm::apriel, .words = {"<tool_calls>["}},
    Sign{.form = ToolForm::coder, .words = {"<tool_call>", "<function=", "<parameter="}},
    Sign{.form = ToolForm::glm, .words = {"<tool_call>", "<arg_key>", "<arg_value>"}},
    Sign{.form = ToolForm::hermes, .words = {"<tool_call>"}},
    Sign{.form = ToolForm::named, .words = {"[TOOL_CALLS]", "[ARGS]"}},
    Sign{.form = ToolForm::mistral, .words = {"[TOOL_CALLS]"}},
    Sign{.form = ToolForm::channels, .words = {"<|channel|>", "to=", "functions."}},
    Sign{.form = ToolForm::fenced, .words = {"<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>", "```json"}},
    Sign{.form = ToolForm::deepseek, .words = {"<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>"}},
    Sign{.form = ToolForm::kimi, .words = {"<|tool_calls_section_begin|>", "<|tool_call_argument_begin|>"}},
    Sign{.form = ToolForm::nemotron, .words = {"<TOOLCALL>["}},
    Sign{.form = ToolForm::granite, .words = {"<|tool_call|>"}},
    Sign{.form = ToolForm::cohere, .words = {"<|START_ACTION|>", "tool_name"}},
    Sign{.form = ToolForm::gigachat, .words = {"function call", "<|role_sep|>"}},
    Sign{.form = ToolForm::functionary, .words = {"<function=", "</function>"}, .without = "<parameter"},
    Sign{.form = ToolForm::bare, .words = {"<|python_tag|>"}},
    Sign{.form = ToolForm::bare, .words = {"ipython"}},
    Sign{.form = ToolForm::bare, .words = {R"({"name": function name, "parameters")"}},
};

}  // namespace

ToolForm tool_form(std::string_view template_source) {
  const auto* const found = std::ranges::find_if(kSigns, [&](const Sign& sign) {
    const bool has = std::ranges::all_of(sign.words, [&](auto word) { return template_source.contains(word); });
    return has && (sign.without.empty() || !template_source.contains(sign.without));
  });
  return found == kSigns.end() ? ToolForm::listed : found->form;
}

}  // namespace plimsoll::grammar
