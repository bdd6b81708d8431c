#include "grammar/tool_form.hpp"

#include <gtest/gtest.h>

namespace plimsoll::grammar {
namespace {

TEST(ToolFormTest, IsRecognisedInTheTemplate) {
  EXPECT_EQ(tool_form("{{ '<tool_call>' }}"), ToolForm::hermes);
  EXPECT_EQ(tool_form("{{ '<tool_call>\n<function=' + c.name + '>\n<parameter=' }}"), ToolForm::coder);
  EXPECT_EQ(tool_form("<tool_call>{name}\n<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>"), ToolForm::glm);
  EXPECT_EQ(tool_form("'<minimax:tool_call>'\n<invoke name=\"a\">\n<parameter name=\"b\">c</parameter>"),
            ToolForm::minimax);
  // Functionary's, whose arguments are JSON.
  EXPECT_EQ(tool_form("<function=example>{\"a\": 1}</function>"), ToolForm::functionary);
  EXPECT_EQ(tool_form("<seed:tool_call><function=a><parameter=b>c</parameter></function></seed:tool_call>"),
            ToolForm::seed);
  EXPECT_EQ(tool_form("{{ '[TOOL_CALLS]' }}"), ToolForm::mistral);
  EXPECT_EQ(tool_form("{{ '[TOOL_CALLS]' + call.name + '[ARGS]' }}"), ToolForm::named);
  EXPECT_EQ(tool_form("<|start_header_id|>ipython"), ToolForm::bare);
  EXPECT_EQ(tool_form("{{- '<|tool_call_start|>[' + calls + ']<|tool_call_end|>' -}}"), ToolForm::lfm);
  EXPECT_EQ(tool_form("{{ '<|tool_call>call:' + name + '{' }}{{ '<|\"|>' + text + '<|\"|>' }}{{ '}<tool_call|>' }}"),
            ToolForm::gemma);
  EXPECT_EQ(tool_form("{% set d = '｜DSML｜' %}{{ '<' + d + 'function_calls>' }} string=\"true|false\""),
            ToolForm::dsml);
  EXPECT_EQ(tool_form("{{ messages }}"), ToolForm::listed);
  EXPECT_EQ(tool_form(""), ToolForm::listed);
}

}  // namespace
}  // namespace plimsoll::grammar
