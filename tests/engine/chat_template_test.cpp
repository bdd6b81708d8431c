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
                        {.role = "user", .content = "Hi", .extra = {}}})
                .text,
            "<s>[system] Be brief.</s>[user] Hi</s>[assistant]");
}

TEST(ChatTemplateTest, LeavesTheGenerationPromptOutWhereNotWanted) {
  const ChatTemplate chat(kPlain, "", "");
  EXPECT_EQ(chat.apply({{.role = "user", .content = "Hi", .extra = {}}}, false).text, "[user] Hi");
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
  const std::string text = chat.apply({{.role = "user", .content = "Rain?", .extra = {}}, call}, false, tools).text;
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
  EXPECT_EQ(chat.apply({{.role = "user", .content = "Hi", .extra = {}}}).text, "ok");
  expect_error(ErrorCode::usage, "an assistant cannot begin",
               [&] { (void)chat.apply({{.role = "assistant", .content = "Hi", .extra = {}}}); });
}

TEST(ChatTemplateTest, TakesTextThatLooksLikeATemplateAsText) {
  const ChatTemplate chat(kPlain, "", "");
  EXPECT_EQ(chat.apply({{.role = "user", .content = "{{ 1 + 1 }} ünï", .extra = {}}}, false).text,
            "[user] {{ 1 + 1 }} ünï");
}

using Json = nlohmann::ordered_json;

const Json kTools = Json::parse(
    R"([{"type": "function", "function": {"name": "weather", "description": "", "parameters": {"type": "object"}}}])");

ChatMessage calling() {
  return {.role = "assistant",
          .content = "",
          .extra = Json::parse(R"({"tool_calls": [{"type": "function", "id": "1", "function":
                     {"name": "weather", "arguments": {"city": "Kiel"}}}]})")};
}

TEST(ChatTemplateTest, ErrorsNameTheLine) {
  expect_error(ErrorCode::usage, "line 2: there is no tag 'nothing' here",
               [] { const ChatTemplate broken("\n{% nothing %}", "", ""); });
  expect_error(ErrorCode::usage, "line 2: 'nothing' is undefined",
               [] { (void)ChatTemplate("\n{{ nothing.at_all }}", "", "").apply({}); });
}

TEST(ChatTemplateTest, RenderingEndsAndCanBeStopped) {
  const ChatTemplate endless("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}", "",
                             "");
  expect_error(ErrorCode::usage, "steps", [&] { (void)endless.apply({}); });
  std::stop_source stop;
  stop.request_stop();
  expect_error(ErrorCode::cancelled, "stopped", [&] { (void)endless.apply({}, true, {}, {}, stop.get_token()); });
}

TEST(ChatTemplateTest, CapabilitiesAreWhatATemplateShows) {
  const TemplateCapabilities plain = ChatTemplate(kPlain, "", "").capabilities();
  EXPECT_TRUE(plain.chats && plain.text_content && plain.system && plain.tool_results);
  EXPECT_FALSE(plain.content_parts || plain.tools || plain.tool_calls || plain.thoughts || plain.thinking_switch);
  EXPECT_FALSE(ChatTemplate("nothing of it", "", "").capabilities().chats);
  const TemplateCapabilities all = ChatTemplate(
                                       "{% for t in tools or [] %}{{ t|tojson }}{% endfor %}{% for m in messages %}{{ "
                                       "m.content if m.content is string else "
                                       "m.content[0].text }}{{ m.reasoning_content }}{% for c in m.tool_calls or [] "
                                       "%}{{ c.function|tojson }}{% endfor %}"
                                       "{% endfor %}{{ 'think' if enable_thinking }}",
                                       "", "")
                                       .capabilities();
  EXPECT_TRUE(all.chats && all.text_content && all.content_parts && all.system && all.tools && all.tool_calls);
  EXPECT_TRUE(all.parallel_calls && all.tool_results && all.thoughts && all.thinking_switch);
  EXPECT_FALSE(all.arguments_as_text);
}

TEST(ChatTemplateTest, ArgumentsAreTextWhereTheTemplateJoinsThem) {
  const ChatTemplate chat(
      "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
      "{{ c.function.name + c.function.arguments }}{% endfor %}{% endfor %}",
      "", "");
  EXPECT_TRUE(chat.capabilities().arguments_as_text);
  EXPECT_EQ(chat.apply({calling()}).text, R"(weather{"city":"Kiel"})");
}

TEST(ChatTemplateTest, ContentIsAListWhereTheTemplateTakesNoText) {
  const ChatTemplate chat("{% for m in messages %}{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endfor %}", "",
                          "");
  EXPECT_FALSE(chat.capabilities().text_content);
  EXPECT_EQ(chat.apply({{.role = "user", .content = "Hi"}}).text, "[Hi]");
}

TEST(ChatTemplateTest, PartsAreTextWhereTheTemplateTakesNoList) {
  const Json parts = Json::parse(R"({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]})");
  const ChatMessage message{.role = "user", .content = "ab", .extra = parts};
  EXPECT_EQ(ChatTemplate(kPlain, "", "").apply({message}, false).text, "[user] ab");
  const ChatTemplate takes_both(
      "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
      "<{{ p.text }}>{% endfor %}{% endif %}{% endfor %}",
      "", "");
  EXPECT_EQ(takes_both.apply({message}).text, "<a><b>");
}

TEST(ChatTemplateTest, ASystemMessageGoesToTheUserWhereThereIsNoPlaceForIt) {
  const std::string source =
      "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
      "[{{ m.role }}]{{ m.content }}{% endfor %}";
  const ChatTemplate chat(source, "", "");
  EXPECT_FALSE(chat.capabilities().system);
  EXPECT_EQ(chat.apply({{.role = "system", .content = "Be brief."}, {.role = "user", .content = "Hi"}}).text,
            "[user]Be brief.\nHi");
  EXPECT_EQ(chat.apply({{.role = "system", .content = "Be brief."}}).text, "[user]Be brief.");
}

TEST(ChatTemplateTest, ToolsAndTheirCallsAreToldWhereThereIsNoPlaceForThem) {
  const ChatTemplate chat(
      "{% for m in messages %}{{ '[' ~ m.role ~ ']' }}{{ m.content if m.role != 'tool' }}{% endfor %}", "", "");
  EXPECT_FALSE(chat.capabilities().tools || chat.capabilities().tool_calls || chat.capabilities().tool_results);
  const ChatMessage result{.role = "tool", .content = "rain", .extra = {{"tool_call_id", "1"}}};
  const std::string text = chat.apply({{.role = "user", .content = "Rain?"}, calling(), result}, true, kTools).text;
  EXPECT_TRUE(text.starts_with("[system]You can call any of the following tools")) << text;
  EXPECT_TRUE(text.contains(R"("name": "weather")") && text.contains(R"("tool_calls": [)")) << text;
  EXPECT_TRUE(text.contains("[user]{\n  \"tool_response\"") && text.contains(R"("content": "rain")")) << text;
}

TEST(ChatTemplateTest, NoToolsAreNoneAsInTransformersOrLeftOut) {
  EXPECT_EQ(ChatTemplate("{{ tools is defined }}{{ tools is none }}{{ messages[0].content }}", "", "")
                .apply({{.role = "user", .content = "a"}})
                .text,
            "TrueTruea");
  EXPECT_EQ(ChatTemplate("{{ tools|length }}{{ messages[0].content }}", "", "")
                .apply({{.role = "user", .content = "a"}})
                .text,
            "0a");
}

TEST(ChatTemplateTest, FunctionsAreTextWhereTheTemplateAsksForThem) {
  const ChatTemplate chat("{{ functions }}|{{ datetime|length }}|{{ messages[0].content }}", "", "");
  EXPECT_TRUE(chat.capabilities().chats && chat.capabilities().tools);
  EXPECT_EQ(chat.apply({{.role = "user", .content = "a"}}).text, "|24|a");
  EXPECT_TRUE(chat.apply({{.role = "user", .content = "a"}}, true, kTools).text.contains(R"("name": "weather")"));
}

// Granite and DeepSeek call it `thinking`, Command A `reasoning`, Ring `thinking_option`; clients call it as they like.
TEST(ChatTemplateTest, WhetherToThinkIsSaidUnderTheTemplatesOwnName) {
  const std::vector<ChatMessage> said{{.role = "user", .content = "a"}};
  const auto text = [&](const char* source, const nlohmann::ordered_json& values) {
    return ChatTemplate(std::string("{{ messages[0].content }}") + source, "", "").apply(said, true, {}, values).text;
  };
  constexpr const char* kThinking = "{{ '|on' if thinking }}";
  EXPECT_EQ(text(kThinking, {{"enable_thinking", true}}), "a|on");
  EXPECT_EQ(text(kThinking, {{"enable_thinking", false}}), "a");
  EXPECT_EQ(text(kThinking, {{"enable_thinking", true}, {"thinking", false}}), "a") << "its own name counts";
  EXPECT_EQ(text(kThinking, {}), "a");
  EXPECT_EQ(text("{{ '|off' if reasoning is defined and not reasoning }}", {{"enable_thinking", false}}), "a|off");
  EXPECT_EQ(text("{{ '|' + thinking_option|default('?') }}", {{"enable_thinking", true}}), "a|on");
  EXPECT_EQ(text("{{ '|chatty' if thinking_mode == 'chat' }}", {{"thinking", false}}), "a|chatty");
  EXPECT_EQ(text("{{ '|on' if enable_thinking }}", {{"thinking", true}}), "a|on");
  EXPECT_EQ(text("{{ '|on' if enable_thinking }}{{ '|' ~ thinking }}", {{"enable_thinking", true}}), "a|on|");
  // Members of messages are no switches.
  EXPECT_EQ(text("{{ messages[0].thinking }}", {{"enable_thinking", true}}), "a");
}

TEST(ChatTemplateTest, AutoIsToThinkWhereThatDecidesHowAnswersBegin) {
  const auto text = [](const char* source, const nlohmann::ordered_json& given) {
    const ChatTemplate chat(std::string("{{ messages[0].content }}") + source, "", "");
    return chat.apply({{.role = "user", .content = "a"}}, true, {}, given).text;
  };
  const nlohmann::ordered_json automatic{{"enable_thinking", "auto"}};
  constexpr const char* kEnds = "<think>{{ '</think>' if not enable_thinking }}";
  EXPECT_EQ(text(kEnds, {}), "a<think></think>");
  EXPECT_EQ(text(kEnds, automatic), "a<think>");
  EXPECT_EQ(text("{{ '<think></think>' if thinking is not defined or not thinking }}", automatic), "a");
  EXPECT_EQ(text(kEnds, {{"enable_thinking", "auto"}, {"thinking", false}}), "a<think></think>") << "told otherwise";
  // Granite's switch is about what the system message says.
  EXPECT_EQ(text("{{ 'Think first.' if thinking }}|assistant: yes", automatic), "a|assistant: yes");
  EXPECT_EQ(text("{{ enable_thinking is defined }}", automatic), "aFalse") << "no word of ours reaches a template";
}

TEST(ChatTemplateTest, ValuesOfTheRequestGoOverOurs) {
  const ChatTemplate chat("{{ messages[0].content }}{{ bos_token }}{{ date_string }}{{ enable_thinking }}", "<s>", "");
  EXPECT_EQ(
      chat.apply({{.role = "user", .content = "a"}}, true, {}, {{"date_string", "1 May"}, {"enable_thinking", false}})
          .text,
      "a<s>1 MayFalse");
}

ChatMessage thoughtful(const char* content) {
  ChatMessage message = calling();
  message.content = content;
  message.extra["reasoning_content"] = "hm";
  return message;
}

TEST(ChatTemplateTest, ThoughtsStandWhereTheTemplateLooksForThem) {
  for (const std::string name : {"reasoning_content", "thinking", "reasoning"}) {
    const ChatTemplate chat("{% for m in messages %}{% if m." + name + " %}<" + name + ":{{ m." + name +
                                " }}>{% endif %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}"
                                "{{ c.function.arguments|tojson }}{% endfor %}{% endfor %}",
                            "", "");
    EXPECT_TRUE(chat.capabilities().thoughts) << name;
    EXPECT_TRUE(chat.capabilities().thoughts_beside_content) << name;
    EXPECT_EQ(chat.apply({thoughtful("Aye.")}).text, "<" + name + R"(:hm>Aye.weather{"city": "Kiel"})");
  }
  const ChatTemplate none("{% for m in messages %}{{ m.content }}{% endfor %}", "", "");
  EXPECT_FALSE(none.capabilities().thoughts);
  EXPECT_EQ(none.apply({{.role = "assistant", .content = "Aye.", .extra = {{"reasoning_content", "hm"}}}}).text,
            "Aye.");
}

// As gpt-oss's has it: a message that calls has one text before the call, in the channel of thoughts.
TEST(ChatTemplateTest, WhatATemplateTakesNoTextBesideBecomesTheEndOfTheThought) {
  const ChatTemplate chat(
      "{% for m in messages %}{% if m.tool_calls %}{% if m.content and m.thinking %}{{ raise_exception('one of both') "
      "}}"
      "{% endif %}<analysis>{{ m.thinking or m.content }}{{ m.tool_calls[0].function|tojson }}{% else %}{{ m.content }}"
      "{% endif %}{% endfor %}",
      "", "");
  EXPECT_STREQ(chat.capabilities().thoughts_member, "thinking");
  EXPECT_FALSE(chat.capabilities().thoughts_beside_content);
  EXPECT_EQ(chat.apply({thoughtful("I look.")}).text, R"(<analysis>hm

I look.{"name": "weather", "arguments": {"city": "Kiel"}})");
  EXPECT_EQ(chat.apply({thoughtful("")}).text, R"(<analysis>hm{"name": "weather", "arguments": {"city": "Kiel"}})");
}

TEST(ChatTemplateTest, ThatThoughtsAreKeptIsSaidUnderTheTemplatesName) {
  const ChatTemplate chat("{{ clear_thinking is defined }}{{ clear_thinking }}{% for m in messages %}{% endfor %}", "",
                          "");
  EXPECT_EQ(chat.apply({}, true, {}, {{"preserve_thinking", true}}).text, "TrueFalse");
  EXPECT_EQ(chat.apply({}, true, {}, {{"preserve_thinking", false}}).text, "TrueTrue");
  EXPECT_EQ(chat.apply({}, true, {}, {{"truncate_history_thinking", false}}).text, "TrueFalse");
  EXPECT_EQ(chat.apply({}, true, {}, {{"preserve_thinking", true}, {"clear_thinking", true}}).text, "TrueTrue");
  EXPECT_EQ(chat.apply({}).text, "False");
}

}  // namespace
}  // namespace plimsoll::engine
