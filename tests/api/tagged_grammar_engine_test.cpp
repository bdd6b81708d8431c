// Grammars of calls whose arguments stand in tags, under a sampler.
#include <gtest/gtest.h>

#include <cmath>

#include "api/tool_calls.hpp"
#include "engine/sampler.hpp"

#include "byte_grammar.hpp"
#include "decoding.hpp"
#include "paths.hpp"
#include "random_logits.hpp"
#include "tagged_examples.hpp"
#include "tool_examples.hpp"

namespace plimsoll::api {
namespace {

using grammar::ToolForm;
using test::call_in_tags;
using Kind = ToolChoice::Kind;

class TaggedGrammarTest : public test::ByteGrammarTest {
 protected:
  static std::string grammar(ToolForm form, const ChatPrompt& chat, const std::string& given = "") {
    engine::SamplingParams sampling{.grammar = given};
    hold_to_tools(sampling, chat, form);
    EXPECT_NO_THROW(engine::validate(sampling));
    return sampling.grammar;
  }

  // Of calls of f with these parameters.
  static std::string grammar_of(ToolForm form, const std::string& parameters) {
    return grammar(form, {.tools = test::tool_of(parameters), .tool_choice = {.kind = Kind::required}});
  }
};

TEST_F(TaggedGrammarTest, RequiredCallsAreAllThereIs) {
  for (const ToolForm form : test::tagged_forms()) {
    const std::string gbnf = grammar(form, {.tools = test::two_tools(), .tool_choice = {.kind = Kind::required}});
    EXPECT_TRUE(allows(gbnf, test::ulm(form))) << gbnf;
    EXPECT_TRUE(allows(gbnf, test::ulm_and_wea(form))) << gbnf;
    EXPECT_TRUE(allows(gbnf, call_in_tags(form, "wea", {}))) << gbnf;
    EXPECT_FALSE(allows(gbnf, ""));
    EXPECT_FALSE(allows(gbnf, "Hello"));
    EXPECT_FALSE(allows(gbnf, test::ulm(form) + "x"));
  }
}

TEST_F(TaggedGrammarTest, ChosenAutomaticallyAnyTextIsAllowedToo) {
  for (const ToolForm form : test::tagged_forms()) {
    const std::string gbnf = grammar(form, {.tools = test::two_tools()});
    for (const std::string& text : std::vector<std::string>{"", "Hello", "<tool", "\xC3\xA9 < {}", test::ulm(form),
                                                            "I look. <<" + test::ulm_and_wea(form)})
      EXPECT_TRUE(allows(gbnf, text)) << text << "\n" << gbnf;
    EXPECT_FALSE(allows(gbnf, std::string(grammar::tagged_form(form)->begin) + "oh no"));
  }
}

TEST_F(TaggedGrammarTest, TheFirstTagMayBeMissing) {
  const std::string wea = "<function=wea>\n</function>";
  for (const ToolForm form : {ToolForm::coder, ToolForm::seed}) {
    const std::string gbnf = grammar(form, {.tools = test::two_tools()});
    const std::string close(grammar::tagged_form(form)->close);
    for (const std::string& text : {wea, "Sure. " + wea + "\n" + close, wea + "\n" + wea, wea + "\n" + test::ulm(form),
                                    test::ulm(form) + "\n" + wea, std::string("a <function")})
      EXPECT_TRUE(allows(gbnf, text)) << text << "\n" << gbnf;
    EXPECT_FALSE(allows(gbnf, "<function=warning>\n</function>"));
    EXPECT_FALSE(allows(gbnf, "<function=weather>\n</function>"));
    const std::string single = grammar(form, {.tools = test::two_tools(), .parallel_tool_calls = false});
    EXPECT_TRUE(allows(single, wea));
    EXPECT_FALSE(allows(single, wea + "\n" + wea));
  }
}

TEST_F(TaggedGrammarTest, TheTagAroundAllCallsMayBeMissing) {
  const std::string wea = "<invoke name=\"wea\">\n</invoke>";
  const std::string gbnf = grammar(ToolForm::minimax, {.tools = test::two_tools()});
  for (const std::string& text : {wea, "Sure. " + wea + "\n</minimax:tool_call>", wea + "\n" + wea, wea + wea,
                                  std::string("a <invoke"), "<minimax:tool_call>" + wea + "</minimax:tool_call>"})
    EXPECT_TRUE(allows(gbnf, text)) << text << "\n" << gbnf;
  EXPECT_FALSE(allows(gbnf, "<minimax:tool_call>\n" + wea));
  EXPECT_FALSE(allows(gbnf, "<invoke name=\"warning\">\n</invoke>"));
  EXPECT_FALSE(allows(gbnf, "<invoke name=\"weather\">\n</invoke>"));
  const std::string single = grammar(ToolForm::minimax, {.tools = test::two_tools(), .parallel_tool_calls = false});
  EXPECT_TRUE(allows(single, wea));
  EXPECT_FALSE(allows(single, wea + "\n" + wea));
}

TEST_F(TaggedGrammarTest, WhatHasBegunMustBeACallOfOurs) {
  for (const ToolForm form : test::tagged_forms()) {
    for (const Kind kind : {Kind::automatic, Kind::required}) {
      const std::string gbnf = grammar(form, {.tools = test::two_tools(), .tool_choice = {.kind = kind}});
      const auto allowed = [&](const std::string& name, const test::Texts& arguments) {
        return allows(gbnf, call_in_tags(form, name, arguments));
      };
      EXPECT_TRUE(allowed("weather", {{"city", "Ulm"}, {"days", "7"}})) << gbnf;
      EXPECT_FALSE(allowed("weather", {{"city", "Ulm"}, {"days", "8"}}));
      EXPECT_FALSE(allowed("weather", {{"city", "Ulm"}, {"days", "\"7\""}}));
      EXPECT_FALSE(allowed("weather", {{"days", "7"}}));
      EXPECT_FALSE(allowed("weather", {}));
      EXPECT_FALSE(allowed("weather", {{"city", "Ulm"}, {"town", "Ulm"}}));
      EXPECT_FALSE(allowed("warning", {{"city", "Ulm"}}));
      EXPECT_FALSE(allows(gbnf, test::ulm(form).substr(0, test::ulm(form).size() - 1)));
    }
  }
}

TEST_F(TaggedGrammarTest, OneFunctionAndOneCall) {
  for (const ToolForm form : test::tagged_forms()) {
    const std::string named =
        grammar(form, {.tools = test::two_tools(), .tool_choice = {.kind = Kind::required, .name = "wea"}});
    EXPECT_FALSE(allows(named, test::ulm(form)));
    for (const Kind kind : {Kind::automatic, Kind::required}) {
      const std::string single =
          grammar(form, {.tools = test::two_tools(), .tool_choice = {.kind = kind}, .parallel_tool_calls = false});
      EXPECT_TRUE(allows(single, test::ulm(form))) << single;
      EXPECT_FALSE(allows(single, test::ulm_and_wea(form))) << single;
    }
  }
}

TEST_F(TaggedGrammarTest, ParallelCallsEnd) {
  for (const ToolForm form : test::tagged_forms()) {
    const std::string gbnf = grammar(form, {.tools = test::two_tools(), .tool_choice = {.kind = Kind::required}});
    test::CallTexts calls(32, {"wea", {}});
    EXPECT_TRUE(allows(gbnf, test::calls_in_tags(form, calls)));
    calls.push_back(calls.front());
    EXPECT_FALSE(allows(gbnf, test::calls_in_tags(form, calls)));
  }
}

TEST_F(TaggedGrammarTest, AnAnswerWithoutCallsFollowsTheGrammarThatWasThere) {
  for (const ToolForm form : test::tagged_forms()) {
    const std::string gbnf = grammar(form, {.tools = test::two_tools()}, "root ::= \"yes\" | text\ntext ::= \"no\"\n");
    EXPECT_TRUE(allows(gbnf, "yes")) << gbnf;
    EXPECT_TRUE(allows(gbnf, "no"));
    EXPECT_TRUE(allows(gbnf, test::ulm(form)));
    EXPECT_FALSE(allows(gbnf, "Hello"));
  }
}

TEST_F(TaggedGrammarTest, TextIsAnyAndOtherValuesAreJson) {
  for (const ToolForm form : test::tagged_forms()) {
    const std::string gbnf = grammar_of(form, R"({"type": "object", "properties": {
      "text": {"type": "string", "maxLength": 3}, "word": {"enum": ["red", "blue", 3]}, "on": {"type": "boolean"},
      "maybe": {"anyOf": [{"enum": ["a", "b"]}, {"type": "integer", "minimum": 5}, {"type": "null"}]},
      "list": {"type": "array", "items": {"type": "string"}}, "any": {}, "tree": {"$ref": "#"}}})");
    const auto allowed = [&](const std::string& key, const std::string& text) {
      return allows(gbnf, call_in_tags(form, "f", {{key, text}}));
    };
    for (const char* text :
         {"", "Ulm", "a\n\n  <b> </para </arg_valu \"\\ \xC3\xA9\n", "</tool_call>", "</invoke> <invoke name=\"f\">"}) {
      EXPECT_TRUE(allowed("text", text)) << text << "\n" << gbnf;
      EXPECT_TRUE(allowed("any", text)) << text;
    }
    EXPECT_TRUE(allowed("word", "red") && allowed("word", "3"));
    EXPECT_FALSE(allowed("word", "green") || allowed("word", "\"red\"") || allowed("word", ""));
    EXPECT_TRUE(allowed("on", "true"));
    EXPECT_FALSE(allowed("on", "True") || allowed("on", "1"));
    EXPECT_TRUE(allowed("maybe", "a") && allowed("maybe", "5") && allowed("maybe", "null"));
    EXPECT_FALSE(allowed("maybe", "c") || allowed("maybe", "4"));
    EXPECT_TRUE(allowed("list", R"(["a", "</parameter>"])"));
    EXPECT_FALSE(allowed("list", "[1]") || allowed("list", "a"));
    EXPECT_TRUE(allowed("tree", R"({"on": true})"));
    EXPECT_FALSE(allowed("tree", R"({"on": 1})"));
  }
}

TEST_F(TaggedGrammarTest, ArgumentsThatAreNotDescribed) {
  for (const ToolForm form : test::tagged_forms()) {
    const auto allowed = [&](const std::string& gbnf, const test::Texts& arguments) {
      return allows(gbnf, call_in_tags(form, "f", arguments));
    };
    const std::string free = grammar_of(form, R"({"type": "object"})");
    EXPECT_TRUE(allowed(free, {}) && allowed(free, {{"a", "x"}, {"b b", "[1]"}})) << free;
    const std::string numbers = grammar_of(form, R"({"type": "object", "properties": {"a": {"type": "string"}},
      "required": ["a", "z"], "additionalProperties": {"type": "integer"}})");
    EXPECT_TRUE(allowed(numbers, {{"a", "x"}, {"z", "1"}, {"b", "2"}, {"c", "3"}})) << numbers;
    EXPECT_FALSE(allowed(numbers, {{"a", "x"}, {"z", "1"}, {"b", "x"}}));
    EXPECT_FALSE(allowed(numbers, {{"a", "x"}, {"b", "2"}}));
    const std::string nothing = grammar_of(form, R"({"type": "object", "properties": {"a": {"not": {}}},
      "required": ["a", "a\">b</arg_key>c"]})");
    EXPECT_TRUE(allowed(nothing, {{"a", "x"}})) << nothing;
  }
}

TEST_F(TaggedGrammarTest, EmptyAndOptionalArgumentsMayBeLeftOut) {
  for (const ToolForm form : test::tagged_forms()) {
    const std::string gbnf = grammar_of(form, R"({"type": "object", "properties": {"a": {"type": "integer"},
      "b": {"type": "integer"}, "c": {"type": "integer"}}, "required": ["b"]})");
    const auto allowed = [&](const test::Texts& arguments) { return allows(gbnf, call_in_tags(form, "f", arguments)); };
    EXPECT_TRUE(allowed({{"b", "1"}}) && allowed({{"a", "1"}, {"b", "1"}}) && allowed({{"b", "1"}, {"c", "1"}}))
        << gbnf;
    EXPECT_TRUE(allowed({{"a", "1"}, {"b", "1"}, {"c", "1"}}));
    EXPECT_FALSE(allowed({}) || allowed({{"a", "1"}}) || allowed({{"b", "1"}, {"b", "1"}}));
  }
}

// Whatever a model writes under the grammar, the reader finds calls where there have to be some. Text in tags has no
// end that chance would find: here it is out of a list.
TEST_F(TaggedGrammarTest, WhatIsWrittenIsRead) {
  const auto demo = test::load_on_cpu(source_path("models/demo/mate-chat.gguf"));
  const auto n_vocab = static_cast<std::size_t>(demo->facts().n_vocab);
  const engine::Vocab vocab = demo->vocab();
  const Json tools = test::tool_of(R"({"type": "object", "properties": {"city": {"enum": ["Ulm", "Kiel"]},
    "on": {"type": "boolean"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}}, "required": ["city"]})");
  for (const ToolForm form : test::tagged_forms()) {
    if (form == ToolForm::dsml) continue;  // its tags are characters of several bytes, which chance does not make
    engine::SamplingParams params{.seed = 1, .temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0};
    hold_to_tools(params, {.tools = tools, .tool_choice = {.kind = Kind::required}}, form);
    engine::Sampler sampler(*demo, params);
    std::vector<engine::Token> tokens;
    ToolCallReader reader(form, tools);
    std::string shown;
    while (tokens.size() < 1500) {
      std::vector<float> logits = test::random_logits(n_vocab, tokens, 1);
      for (std::size_t i = 0; i < n_vocab; ++i) {
        if (vocab.is_end_of_generation(static_cast<engine::Token>(i)))
          logits[i] += 2.0F + 0.2F * static_cast<float>(tokens.size());
      }
      tokens.push_back(sampler.sample(logits));
      if (vocab.is_end_of_generation(tokens.back())) break;
      shown += reader.push(vocab.piece(tokens.back()));
    }
    EXPECT_EQ(shown + reader.finish(), "") << vocab.detokenize(tokens);
    const std::vector<ToolCall> calls = reader.take();
    EXPECT_FALSE(calls.empty()) << vocab.detokenize(tokens);
    for (const ToolCall& call : calls) {
      const Json arguments = Json::parse(call.arguments);
      EXPECT_TRUE(arguments["city"] == "Ulm" || arguments["city"] == "Kiel") << call.arguments;
      EXPECT_TRUE(!arguments.contains("days") || arguments["days"].is_number_integer()) << call.arguments;
      EXPECT_TRUE(!arguments.contains("on") || arguments["on"].is_boolean()) << call.arguments;
    }
  }
}

}  // namespace
}  // namespace plimsoll::api
