#include <gtest/gtest.h>

#include "engine/chat_template.hpp"

#include "expect_error.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;

constexpr const char* kPlain =
    "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}";

TEST(ChatTemplateTest, JoinsMessagesWithTheModelsTokens) {
  const ChatTemplate chat(kPlain, "<s>", "</s>");
  EXPECT_EQ(chat.apply({{.role = "system", .content = "Be brief.", .extra = {}},
                        {.role = "user", .content = "Hi", .extra = {}}}),
            "<s>[system] Be brief.</s>[user] Hi</s>[assistant]");
}

TEST(ChatTemplateTest, LeavesTheGenerationPromptOutWhereNotWanted) {
  const ChatTemplate chat(kPlain, "", "");
  EXPECT_EQ(chat.apply({{.role = "user", .content = "Hi", .extra = {}}}, false), "[user] Hi");
}

TEST(ChatTemplateTest, ShowsToolsAndTheirCalls) {
  const ChatTemplate chat(
      "{% for t in tools %}<{{ t['function']['name'] }}>{% endfor %}"
      "{% for m in messages %}{{ m['role'] }}:{{ m['content'] }}"
      "{% for c in m['tool_calls'] or [] %}{{ c['function']['name'] }}({{ c['function']['arguments'] | tojson }}){% "
      "endfor %};{% endfor %}",
      "", "");
  const nlohmann::ordered_json tools = nlohmann::ordered_json::parse(
      R"([{"type": "function", "function": {"name": "weather", "description": "", "parameters": {"type": "object"}}}])");
  const ChatMessage call{
      .role = "assistant",
      .content = "",
      .extra = nlohmann::ordered_json::parse(
          R"({"tool_calls": [{"type": "function", "id": "1", "function": {"name": "weather", "arguments": {"city": "Kiel"}}}]})")};
  const std::string text = chat.apply({{.role = "user", .content = "Rain?", .extra = {}}, call}, false, tools);
  EXPECT_EQ(text, "<weather>user:Rain?;assistant:weather({\"city\": \"Kiel\"});");
}

TEST(ChatTemplateTest, ATemplateThatDoesNotParseIsTheCallersFault) {
  expect_error(ErrorCode::usage, "cannot be read",
               [] { const ChatTemplate broken("{% for m in messages %}", "", ""); });
  expect_error(ErrorCode::usage, "cannot be read", [] { const ChatTemplate broken("{{ 1 + }}", "", ""); });
}

TEST(ChatTemplateTest, GivesTheTemplatesOwnWordsWhereItRefuses) {
  const ChatTemplate chat(
      "{% if messages[0]['role'] == 'assistant' %}{{ raise_exception('an assistant cannot begin') }}{% endif %}ok", "",
      "");
  EXPECT_EQ(chat.apply({{.role = "user", .content = "Hi", .extra = {}}}), "ok");
  expect_error(ErrorCode::usage, "an assistant cannot begin",
               [&] { (void)chat.apply({{.role = "assistant", .content = "Hi", .extra = {}}}); });
}

TEST(ChatTemplateTest, TakesTextThatLooksLikeATemplateAsText) {
  const ChatTemplate chat(kPlain, "", "");
  EXPECT_EQ(chat.apply({{.role = "user", .content = "{{ 1 + 1 }} ünï", .extra = {}}}, false), "[user] {{ 1 + 1 }} ünï");
}

}  // namespace
}  // namespace plimsoll::engine
