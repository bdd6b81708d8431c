// What is said of a grammar's repetitions is what the engine does with them.
#include "grammar/gbnf_repetitions.hpp"

#include <gtest/gtest.h>

#include "engine/sampler.hpp"

#include "decoding.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::grammar {
namespace {

class GbnfRepetitionsTest : public testing::Test {
 protected:
  bool engine_takes(const std::string& gbnf) {
    try {
      (void)engine::Sampler(*model_, {.grammar = gbnf});
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<engine::Model> model_ = test::load_on_cpu(folder_.write("tiny.gguf", test::tiny_llama().bytes()));
};

TEST_F(GbnfRepetitionsTest, WhatTheEngineTakesIsTaken) {
  for (const char* gbnf : {"root ::= \"a\"{0,2000}", "root ::= [a-z{}]{3} \"{9999}\" # {9999}\n",
                           "root ::= (\"a\" | \"b\"){0,999}", "root ::= a{5,}\na ::= \"x\"*",
                           "root ::= (a b){2,600}\na ::= \"x\"\nb ::= \"y\"?", "root ::= ((\"a\"{10}){10}){10}"}) {
    EXPECT_EQ(excess_of_repetitions(gbnf), "") << gbnf;
    EXPECT_TRUE(engine_takes(gbnf)) << gbnf;
  }
}

TEST_F(GbnfRepetitionsTest, WhatTheEngineRefusesIsRefusedWithItsPlace) {
  for (const auto& [gbnf, words] : std::vector<std::pair<std::string, std::string>>{
           {"root ::= \"a\"{2001}", "at line 1, column 13"},
           {"root ::= b\nb ::= (\"a\" (\"b\"){500} ){0,1001}", "at line 2, column 24"},
           {"root ::= ((\"a\"{0,50}){0,50}){0,50}", "at line 1"},
           {"root ::= \"a\"{ 3000 , }", "3000 times"}}) {
    EXPECT_TRUE(excess_of_repetitions(gbnf).contains(words)) << gbnf << ": " << excess_of_repetitions(gbnf);
    EXPECT_FALSE(engine_takes(gbnf)) << gbnf;
  }
}

TEST_F(GbnfRepetitionsTest, TheyHaveAnEndTogether) {
  std::string gbnf = "root ::= \"b\"";
  for (int i = 0; i < 100; ++i) gbnf += " \"a\"{0,1900}";
  EXPECT_TRUE(excess_of_repetitions(gbnf).contains("together"));
  // Above its limit the engine takes a count for none, which is not what was asked for.
  EXPECT_FALSE(excess_of_repetitions("root ::= \"a\"{0,100000}").empty());
}

}  // namespace
}  // namespace plimsoll::grammar
