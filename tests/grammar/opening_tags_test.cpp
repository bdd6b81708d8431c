#include <gtest/gtest.h>

#include "grammar/opening_tags.hpp"

namespace plimsoll::grammar {
namespace {

using Tags = std::vector<std::string>;

TEST(OpeningTagsTest, OfFormsThatBeginWithATag) {
  EXPECT_EQ(opening_tags(tool_opening(ToolForm::hermes, {"weather"})), Tags{"<tool_call>"});
  EXPECT_EQ(opening_tags(tool_opening(ToolForm::mistral, {"weather"})), Tags{"[TOOL_CALLS]"});
  EXPECT_EQ(opening_tags(tool_opening(ToolForm::minimax, {})), (Tags{"<invoke name=\"", "<minimax:tool_call>"}));
  EXPECT_EQ(opening_tags(tags_anywhere({"<<a>", "<b"})), (Tags{"<b", "<<a>"}));
}

TEST(OpeningTagsTest, JsonHasNone) {
  EXPECT_EQ(opening_tags(tool_opening(ToolForm::bare, {"weather"})), Tags{});
  EXPECT_EQ(opening_tags(tool_opening(ToolForm::listed, {"weather"})), Tags{});
}

}  // namespace
}  // namespace plimsoll::grammar
