// Grammars of texts that are no JSON, under a sampler.
#include "grammar/text_grammar.hpp"

#include <gtest/gtest.h>

#include "byte_grammar.hpp"
#include "expect_error.hpp"

namespace plimsoll::grammar {
namespace {

class TextGrammarTest : public test::ByteGrammarTest {};

TEST_F(TextGrammarTest, OneOfTheChoices) {
  const std::string grammar = grammar_of_choices({"aye", "nay \"sir\"\n"});
  EXPECT_TRUE(allows(grammar, "aye"));
  EXPECT_TRUE(allows(grammar, "nay \"sir\"\n"));
  for (const char* wrong : {"", "ay", "ayes", "nay"}) EXPECT_FALSE(allows(grammar, wrong)) << wrong;
}

TEST_F(TextGrammarTest, ATextThatIsAllOfAPattern) {
  const std::string grammar = grammar_of_pattern(R"(\d{2}|"a\n\\[^x]")");
  for (const char* right : {"12", "\"a\n\\y\""}) EXPECT_TRUE(allows(grammar, right)) << right;
  for (const char* wrong : {"1", "123", "x12", "\"a\n\\x\""}) EXPECT_FALSE(allows(grammar, wrong)) << wrong;
  EXPECT_TRUE(allows(grammar_of_pattern("^ab$"), "ab"));
  test::expect_error(ErrorCode::unsupported, "look-around", [] { (void)grammar_of_pattern("(?=a)"); });
  test::expect_error(ErrorCode::usage, "group", [] { (void)grammar_of_pattern("(a"); });
}

}  // namespace
}  // namespace plimsoll::grammar
