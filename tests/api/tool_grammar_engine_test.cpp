// Grammars of tool calls, under a sampler.
#include <gtest/gtest.h>

#include <cmath>

#include "api/tool_calls.hpp"
#include "engine/sampler.hpp"

#include "byte_grammar.hpp"
#include "decoding.hpp"
#include "paths.hpp"
#include "random_logits.hpp"
#include "tool_examples.hpp"

namespace plimsoll::api {
namespace {

using grammar::ToolForm;
using Kind = ToolChoice::Kind;

class ToolGrammarTest : public test::ByteGrammarTest {
 protected:
  static std::string grammar(ToolForm form, const ChatPrompt& chat, const std::string& given = "") {
    engine::SamplingParams sampling{.grammar = given};
    hold_to_tools(sampling, chat, form);
    EXPECT_NO_THROW(engine::validate(sampling));
    return sampling.grammar;
  }
};

TEST_F(ToolGrammarTest, RequiredCallsAreAllThereIs) {
  for (const test::FormExample& example : test::form_examples()) {
    SCOPED_TRACE(example.name);
    const std::string gbnf =
        grammar(example.form, {.tools = test::two_tools(), .tool_choice = {.kind = Kind::required}});
    EXPECT_TRUE(allows(gbnf, example.one)) << gbnf;
    if (!example.several.empty()) {
      EXPECT_TRUE(allows(gbnf, example.several)) << gbnf;
    }
    EXPECT_FALSE(allows(gbnf, ""));
    EXPECT_FALSE(allows(gbnf, "Hello"));
    EXPECT_FALSE(allows(gbnf, example.one + "x"));
  }
}

TEST_F(ToolGrammarTest, ChosenAutomaticallyAnyTextIsAllowedToo) {
  for (const test::FormExample& example : test::form_examples()) {
    SCOPED_TRACE(example.name);
    const std::string gbnf = grammar(example.form, {.tools = test::two_tools()});
    for (const std::string& text :
         std::vector<std::string>{"", "Hello", "<tool", "é < {} [TOOL_", "{", R"({"name": "John", "age": 3})",
                                  R"({"tool": 1})", "{\"name", example.one, "\n\n" + example.one})
      EXPECT_TRUE(allows(gbnf, text)) << text << "\n" << gbnf;
    if (!example.several.empty()) {
      EXPECT_TRUE(allows(gbnf, example.several)) << gbnf;
    }
  }
  for (const test::FormExample& example : test::form_examples()) {
    if (example.form == ToolForm::bare || example.form == ToolForm::listed) continue;  // whole answers
    EXPECT_TRUE(allows(grammar(example.form, {.tools = test::two_tools()}), "I look. <<[[" + example.one))
        << example.name;
  }
}

// An answer of gpt-oss begins behind the prompt's "<|start|>assistant".
TEST_F(ToolGrammarTest, ACallMayHaveBegunInThePrompt) {
  for (const Kind kind : {Kind::automatic, Kind::required}) {
    const std::string gbnf = grammar(ToolForm::channels, {.tools = test::two_tools(), .tool_choice = {.kind = kind}});
    const std::string rest = R"(<|message|>{"city": "Ulm"})";
    for (const char* header : {" to=functions.weather<|channel|>commentary json", " to=functions.weather",
                               " to=functions.weather<|channel|>commentary <|constrain|>json",
                               "<|channel|>commentary to=functions.weather"}) {
      EXPECT_TRUE(allows(gbnf, header + rest)) << header << "\n" << gbnf;
      EXPECT_TRUE(allows(gbnf, header + rest + "<|call|>")) << header;
    }
    EXPECT_FALSE(allows(gbnf, " to=functions.warning" + rest));
  }
}

TEST_F(ToolGrammarTest, WhatHasBegunMustBeACallOfOurs) {
  for (const test::FormExample& example : test::form_examples()) {
    SCOPED_TRACE(example.name);
    for (const Kind kind : {Kind::automatic, Kind::required}) {
      const std::string gbnf = grammar(example.form, {.tools = test::two_tools(), .tool_choice = {.kind = kind}});
      const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = example.one;
        return text.replace(text.find(from), from.size(), to);
      };
      EXPECT_TRUE(allows(gbnf, with(example.ulm, example.ulm + example.days + "7"))) << gbnf;
      EXPECT_FALSE(allows(gbnf, with(example.ulm, example.ulm + example.days + "8")));
      EXPECT_FALSE(allows(gbnf, with(example.ulm, "3")));
      EXPECT_FALSE(allows(gbnf, with(example.arguments, example.no_arguments)));
      EXPECT_FALSE(allows(gbnf, example.one.substr(0, example.one.size() - 1)));
      // Told from other JSON by its name, another name is text where text is allowed.
      const bool text = example.form == ToolForm::bare && kind == Kind::automatic;
      EXPECT_EQ(allows(gbnf, with("weather", "warning")), text);
    }
  }
}

TEST_F(ToolGrammarTest, OneFunctionAndOneCall) {
  for (const test::FormExample& example : test::form_examples()) {
    SCOPED_TRACE(example.name);
    const std::string named =
        grammar(example.form, {.tools = test::two_tools(), .tool_choice = {.kind = Kind::required, .name = "wea"}});
    EXPECT_FALSE(allows(named, example.one));
    if (example.several.empty()) continue;
    for (const Kind kind : {Kind::automatic, Kind::required}) {
      const std::string single = grammar(
          example.form, {.tools = test::two_tools(), .tool_choice = {.kind = kind}, .parallel_tool_calls = false});
      EXPECT_TRUE(allows(single, example.one)) << single;
      EXPECT_FALSE(allows(single, example.several)) << single;
    }
  }
}

TEST_F(ToolGrammarTest, AnAnswerWithoutCallsFollowsTheGrammarThatWasThere) {
  for (const test::FormExample& example : test::form_examples()) {
    SCOPED_TRACE(example.name);
    const std::string gbnf =
        grammar(example.form, {.tools = test::two_tools()}, "root ::= \"yes\" | call # no\ncall ::= \"no\"\n");
    const std::string begin = example.form == ToolForm::channels ? "<|channel|>final<|message|>" : "";
    EXPECT_TRUE(allows(gbnf, begin + "yes")) << gbnf;
    EXPECT_TRUE(allows(gbnf, begin + "no"));
    EXPECT_TRUE(allows(gbnf, example.one));
    EXPECT_FALSE(allows(gbnf, "Hello"));
  }
}

TEST_F(ToolGrammarTest, WhatCannotBeFollowedIsAnyObject) {
  Json tools = test::two_tools();
  tools[0]["function"]["parameters"] = Json::parse(R"({"type": "object", "properties": {"x": {"not": {}}}})");
  tools[1]["function"]["parameters"] = Json::object();
  const std::string gbnf = grammar(ToolForm::listed, {.tools = tools, .tool_choice = {.kind = Kind::required}});
  EXPECT_TRUE(allows(gbnf, R"({"tool_calls":[{"name":"weather","arguments":{"x":[1]}}]})")) << gbnf;
  EXPECT_TRUE(allows(gbnf, R"({"tool_calls":[{"name":"wea","arguments":{"x":[1]}}]})"));
  EXPECT_FALSE(allows(gbnf, R"({"tool_calls":[{"name":"wea","arguments":1}]})"));
}

// Whatever a model writes under the grammar, the reader finds calls where there have to be some.
TEST_F(ToolGrammarTest, WhatIsWrittenIsRead) {
  const auto demo = test::load_on_cpu(source_path("models/demo/mate-chat.gguf"));
  const auto n_vocab = static_cast<std::size_t>(demo->facts().n_vocab);
  const engine::Vocab vocab = demo->vocab();
  for (const test::FormExample& example : test::form_examples()) {
    SCOPED_TRACE(example.name);
    if (!test::is_ascii(example) || example.form == ToolForm::gemma) continue;  // chance finds no end of its texts
    engine::SamplingParams params{.seed = 1, .temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0};
    hold_to_tools(params, {.tools = test::two_tools(), .tool_choice = {.kind = Kind::required}}, example.form);
    for (std::size_t i = 0; i < n_vocab; ++i) {
      const std::string piece = vocab.piece(static_cast<engine::Token>(i));
      if (piece.size() == 1 && static_cast<unsigned char>(piece[0]) >= 0x80)  // may be no UTF-8 together
        params.logit_bias.push_back({.token = static_cast<engine::Token>(i), .bias = -INFINITY});
    }
    engine::Sampler sampler(*demo, params);
    std::vector<engine::Token> tokens;
    ToolCallReader reader(example.form, test::two_tools());
    std::string shown;
    while (tokens.size() < 1500) {
      std::vector<float> logits = test::random_logits(n_vocab, tokens, 1);
      for (std::size_t i = 0; i < n_vocab; ++i) {
        const auto token = static_cast<engine::Token>(i);
        const std::string piece = vocab.piece(token);
        if (vocab.is_end_of_generation(token) || piece == "\"" || piece == "]" || piece == "}")
          logits[i] += 2.0F + 0.2F * static_cast<float>(tokens.size());
      }
      tokens.push_back(sampler.sample(logits));
      if (vocab.is_end_of_generation(tokens.back())) break;
      shown += reader.push(vocab.piece(tokens.back()));
    }
    EXPECT_EQ(shown + reader.finish(), "") << vocab.detokenize(tokens);
    EXPECT_FALSE(reader.take().empty()) << vocab.detokenize(tokens);
  }
}

}  // namespace
}  // namespace plimsoll::api
