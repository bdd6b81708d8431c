#include "grammar/gbnf_text.hpp"

#include <gtest/gtest.h>

namespace plimsoll::grammar {
namespace {

TEST(GbnfTextTest, NamesInsideGrammarsAreFound) {
  EXPECT_EQ(gbnf_with_prefix(R"(root ::= "a \" b" [^\]a"] x-1{2,3} (y | "\\")* # root "
x-1::=<think> .
)",
                             "p-"),
            R"(p-root ::= "a \" b" [^\]a"] p-x-1{2,3} (p-y | "\\")* # root "
p-x-1::=<think> .
)");
  EXPECT_EQ(gbnf_with_prefix("", "p-"), "");
  EXPECT_EQ(gbnf_with_prefix("\"a\\", "p-"), "\"a\\");
}

TEST(GbnfTextTest, DepthOfGrammars) {
  EXPECT_EQ(gbnf_depth(""), 0U);
  EXPECT_EQ(gbnf_depth(R"(root ::= (a | (b)) ("(((" | [(] # (((
)"),
            2U);
  EXPECT_EQ(gbnf_depth("root ::= a # x\r((("), 3U);
}

}  // namespace
}  // namespace plimsoll::grammar
