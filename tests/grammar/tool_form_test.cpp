#include "grammar/tool_form.hpp"

#include <gtest/gtest.h>

namespace plimsoll::grammar {
namespace {

TEST(ToolFormTest, IsRecognisedInTheTemplate) {
  EXPECT_EQ(tool_form("{{ '<tool_call>' }}"), ToolForm::hermes);
  EXPECT_EQ(tool_form("{{ '[TOOL_CALLS]' }}"), ToolForm::mistral);
  EXPECT_EQ(tool_form("<|start_header_id|>ipython"), ToolForm::bare);
  EXPECT_EQ(tool_form("{{ messages }}"), ToolForm::listed);
  EXPECT_EQ(tool_form(""), ToolForm::listed);
}

}  // namespace
}  // namespace plimsoll::grammar
