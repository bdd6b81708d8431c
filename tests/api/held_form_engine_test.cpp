// Forms behind thoughts, under the engine's grammars.
#include <gtest/gtest.h>

#include "api/dialect.hpp"
#include "api/held_form.hpp"

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
        other.replace(other.find("\"city\""), 6, "\"town\"");
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
    const std::string call = R"({"name": "wea", "arguments": {}})";
    const auto calls = [&](int count) {
      std::string text;
      for (int i = 0; i < count; ++i)
        text += example.form == grammar::ToolForm::hermes ? "<tool_call>" + call + "</tool_call>"
                                                          : (i > 0 ? "," : "") + call;
      if (example.form == grammar::ToolForm::mistral) return "[TOOL_CALLS][" + text + "]";
      return example.form == grammar::ToolForm::listed ? "{\"tool_calls\":[" + text + "]}" : text;
    };
    EXPECT_TRUE(allows(gbnf, calls(32)));
    EXPECT_FALSE(allows(gbnf, calls(33)));
  }
}

}  // namespace
}  // namespace plimsoll::api
