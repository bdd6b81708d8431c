#include "grammar/tool_form.hpp"

#include <algorithm>
#include <array>

#include "grammar/marked_form.hpp"

namespace plimsoll::grammar {
namespace {

// The words of a form that stand in its templates, and one that does not; empty: any. The first row whose words are
// there is the template's.
struct TemplateSign {
  ToolForm form;
  std::array<std::string_view, 3> words;
  std::string_view without{};
};

constexpr std::array kSigns{
    TemplateSign{.form = ToolForm::apriel, .words = {"<tool_calls>["}},
    TemplateSign{.form = ToolForm::coder, .words = {"<tool_call>", "<function=", "<parameter="}},
    TemplateSign{.form = ToolForm::glm, .words = {"<tool_call>", "<arg_key>", "<arg_value>"}},
    TemplateSign{.form = ToolForm::minimax, .words = {"<minimax:tool_call>", "<invoke name=", "<parameter name="}},
    TemplateSign{.form = ToolForm::seed, .words = {"<seed:tool_call>", "<function=", "<parameter="}},
    TemplateSign{.form = ToolForm::hermes, .words = {"<tool_call>"}},
    TemplateSign{.form = ToolForm::named, .words = {"[TOOL_CALLS]", "[ARGS]"}},
    TemplateSign{.form = ToolForm::mistral, .words = {"[TOOL_CALLS]"}},
    TemplateSign{.form = ToolForm::channels, .words = {"<|channel|>", "to=", "functions."}},
    TemplateSign{.form = ToolForm::fenced, .words = {"<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>", "```json"}},
    TemplateSign{.form = ToolForm::deepseek, .words = {"<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>"}},
    TemplateSign{.form = ToolForm::kimi, .words = {"<|tool_calls_section_begin|>", "<|tool_call_argument_begin|>"}},
    TemplateSign{.form = ToolForm::nemotron, .words = {"<TOOLCALL>["}},
    TemplateSign{.form = ToolForm::granite, .words = {"<|tool_call|>"}},
    TemplateSign{.form = ToolForm::cohere, .words = {"<|START_ACTION|>", "tool_name"}},
    TemplateSign{.form = ToolForm::gigachat, .words = {"function call", "<|role_sep|>"}},
    TemplateSign{.form = ToolForm::dsml, .words = {"｜DSML｜", "function_calls>", "string=\"true|false\""}},
    TemplateSign{.form = ToolForm::gemma, .words = {"<|tool_call>call:", "<tool_call|>", kGemmaQuote}},
    TemplateSign{.form = ToolForm::lfm, .words = {"<|tool_call_start|>["}},
    TemplateSign{.form = ToolForm::lfm, .words = {"List of tools: <|tool_list_start|>["}},
    TemplateSign{.form = ToolForm::lfm, .words = {"List of tools: [", "<|im_start|>"}},
    TemplateSign{.form = ToolForm::functionary, .words = {"<function=", "</function>"}, .without = "<parameter"},
    TemplateSign{.form = ToolForm::bare, .words = {"<|python_tag|>"}},
    TemplateSign{.form = ToolForm::bare, .words = {"ipython"}},
    TemplateSign{.form = ToolForm::bare, .words = {R"({"name": function name, "parameters")"}},
};

}  // namespace

ToolForm tool_form(std::string_view template_source) {
  const auto* const found = std::ranges::find_if(kSigns, [&](const TemplateSign& sign) {
    const bool has = std::ranges::all_of(sign.words, [&](auto word) { return template_source.contains(word); });
    return has && (sign.without.empty() || !template_source.contains(sign.without));
  });
  return found == kSigns.end() ? ToolForm::listed : found->form;
}

}  // namespace plimsoll::grammar
