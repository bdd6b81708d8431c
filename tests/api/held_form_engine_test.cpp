// Forms behind thoughts, under the engine's grammars.
#include <gtest/gtest.h>

#include "api/dialect.hpp"
#include "api/held_form.hpp"
#include "grammar/call_text.hpp"

#include "byte_grammar.hpp"
#include "tool_examples.hpp"

namespace plimsoll::api {
namespace {

const ReasoningForm kThink{.begin = "<think>", .end = "</think>"};
const ReasoningForm kChannels{.begin = "<|channel|>analysis<|message|>",
                              .end = "<|end|><|start|>assistant<|channel|>final<|message|>",
                              .instead = "<|channel|>final<|message|>"};

class HeldFormEngineTest : public test::ByteGrammarTest {
 protected:
  static std::string grammar(const Json& more, const TemplateForms& forms) {
    Json body{{"messages", Json::array({{{"role", "user"}, {"content", "a"}}})}};
    body.update(more);
    const TextRequest request = read_chat_completion(body).request;
    engine::SamplingParams sampling = request.sampling;
    (void)hold_to_form(sampling, request, forms);
    return sampling.grammar;
  }
};

const Json kNumber =
    Json::parse(R"({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "integer"}}}})");

TEST_F(HeldFormEngineTest, ASchemaBeginsBehindAnOpenThought) {
  const std::string gbnf = grammar(kNumber, {.reasoning = kThink, .begins_in_a_thought = true});
  for (const char* right : {"So: 5 </thin <b> {\"a\"}</think>5", "</think>\n\n5", "<</</think> -12"})
    EXPECT_TRUE(allows(gbnf, right)) << right;
  for (const char* wrong : {"5", "So</think>five", "So", "So</think>", "So</think>5</think>"})
    EXPECT_FALSE(allows(gbnf, wrong)) << wrong;
}

TEST_F(HeldFormEngineTest, AModelMayBeginAThoughtItself) {
  const std::string gbnf = grammar(kNumber, {.reasoning = kThink});
  for (const char* right : {"5", "<think>a</think>\n5", "<think></think>5"}) EXPECT_TRUE(allows(gbnf, right)) << right;
  for (const char* wrong : {"five", "<think>5", "<b>5"}) EXPECT_FALSE(allows(gbnf, wrong)) << wrong;
  const std::string channels = grammar(kNumber, {.reasoning = kChannels});
  for (const std::string& right : {std::string("5"), std::string(kChannels.instead) + "5",
                                   std::string(kChannels.begin) + "hm" + std::string(kChannels.end) + "5"})
    EXPECT_TRUE(allows(channels, right)) << right;
  EXPECT_FALSE(allows(channels, std::string(kChannels.begin) + "5"));
}

TEST_F(HeldFormEngineTest, CallsBeginBehindAThought) {
  for (const test::FormExample& example : test::form_examples()) {
    for (const bool open : {true, false}) {
      for (const char* choice : {"auto", "required"}) {
        SCOPED_TRACE(std::string(example.name) + " " + choice + (open ? " open" : ""));
        const std::string gbnf = grammar({{"tools", test::two_tools()}, {"tool_choice", choice}},
                                         {.tools = example.form, .reasoning = kThink, .begins_in_a_thought = open});
        const std::string thought =
            std::string(open ? "" : "<think>") + "I <tool_call> [TOOL_CALLS] {\"name\": \"x\"}</think>\n";
        EXPECT_TRUE(allows(gbnf, thought + example.one)) << gbnf;
        std::string other = example.one;
        other.replace(other.find("city"), 4, "town");
        EXPECT_FALSE(allows(gbnf, thought + other)) << "the arguments are held";
        EXPECT_EQ(allows(gbnf, thought + "Hello"), std::string_view(choice) == "auto");
        EXPECT_EQ(allows(gbnf, example.one), !open);
      }
    }
  }
}

TEST_F(HeldFormEngineTest, ParallelCallsEnd) {
  for (const test::FormExample& example : test::form_examples()) {
    if (example.several.empty()) continue;
    SCOPED_TRACE(example.name);
    const std::string gbnf =
        grammar({{"tools", test::two_tools()}, {"tool_choice", "required"}}, {.tools = example.form});
    const auto calls = [&](std::size_t count) {
      const Json all(count, Json{{"name", "wea"}, {"arguments", Json::object()}});
      return example.form == grammar::ToolForm::listed ? Json{{"tool_calls", all}}.dump()
                                                       : grammar::call_text(example.form, all);
    };
    EXPECT_TRUE(allows(gbnf, calls(32)));
    EXPECT_FALSE(allows(gbnf, calls(33)));
  }
}

// Behind a thought of gpt-oss its next message begins, whatever its channel.
TEST_F(HeldFormEngineTest, CallsInChannels) {
  const auto channels = reasoning_form("<|channel|>analysis");
  const std::string thought = "<|channel|>analysis<|message|>I look.<|end|><|start|>assistant";
  const std::string call = R"(<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Ulm"})";
  const std::string text = "<|channel|>final<|message|>Hello";
  const Json no_thoughts{{"enable_thinking", false}};
  for (const char* choice : {"auto", "required"}) {
    for (const Json& values : {Json::object(), no_thoughts}) {
      const std::string gbnf =
          grammar({{"tools", test::two_tools()}, {"tool_choice", choice}, {"chat_template_kwargs", values}},
                  {.tools = grammar::ToolForm::channels, .reasoning = channels});
      for (const std::string& right : {call, thought + call, thought + R"( to=functions.wea<|message|>{})"})
        EXPECT_TRUE(allows(gbnf, right)) << right << "\n" << gbnf;
      EXPECT_FALSE(allows(gbnf, thought + call.substr(0, call.size() - 1)));
      EXPECT_FALSE(allows(gbnf, thought + R"( to=functions.warning<|message|>{})"));
      const std::string no_end = "<|channel|>analysis<|message|>I <|look. ";  // a call in it would be held to nothing
      for (const std::string& begin : {call, "<|start|>assistant" + call})
        EXPECT_FALSE(allows(gbnf, no_end + begin + "<|end|><|start|>assistant" + call)) << begin;
      EXPECT_TRUE(allows(gbnf, no_end + "<|end|><|start|>assistant" + call));
      for (const std::string& words : {text, thought + text})
        EXPECT_EQ(allows(gbnf, words), std::string_view(choice) == "auto") << words;
    }
  }
  Json both = kNumber;
  both["tools"] = test::two_tools();
  const std::string gbnf = grammar(both, {.tools = grammar::ToolForm::channels, .reasoning = channels});
  for (const std::string& right : {call, thought + call, thought + "<|channel|>final<|message|>5"})
    EXPECT_TRUE(allows(gbnf, right)) << right << "\n" << gbnf;
  for (const std::string& wrong : {text, std::string("5"), thought + "5"}) EXPECT_FALSE(allows(gbnf, wrong)) << wrong;
}

}  // namespace
}  // namespace plimsoll::api
