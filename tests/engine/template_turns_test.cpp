// Chats as agents send them, told to templates that refuse their order, their ids or their number of calls.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>

#include "engine/chat_template.hpp"
#include "engine/template_turns.hpp"

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

// As Mistral's and Gemma's.
constexpr const char* kAlternating =
    "{% set ns = namespace(i=0) %}{% for m in messages %}{% if m.role == 'system' and loop.first %}"
    "{% elif m.role != 'tool' and not m.tool_calls %}{% if (m.role == 'user') != (ns.i % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% set ns.i = ns.i + 1 %}{% endif %}"
    "[{{ m.role }}]{{ m.content }}{% for c in m.tool_calls or [] %}({{ c.function|tojson }}){% endfor %}{% endfor %}";
// As Qwen 3.5's.
constexpr const char* kSystemFirst =
    "{% for m in messages %}{% if m.role == 'system' and not loop.first %}"
    "{{ raise_exception('System message must be at the beginning.') }}{% endif %}[{{ m.role }}]{{ m.content }}"
    "{% endfor %}";
// As gpt-oss's: nothing is said of what is lost.
constexpr const char* kDropsLaterSystem =
    "{% for m in messages %}{% if m.role != 'system' or loop.first %}[{{ m.role }}]{{ m.content }}{% endif %}"
    "{% endfor %}";
// As DeepSeek R1's.
constexpr const char* kTakesTheLastSystem =
    "{% set ns = namespace(text='') %}{% for m in messages %}{% if m.role == 'system' %}{% set ns.text = m.content %}"
    "{% endif %}{% endfor %}{% if ns.text %}[system]{{ ns.text }}{% endif %}{% for m in messages %}"
    "{% if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}";
// As Mistral's.
constexpr const char* kNineLetters =
    "{% for m in messages %}[{{ m.role }}]{% for c in m.tool_calls or [] %}{% if c.id|length != 9 %}"
    "{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}{% endif %}"
    "{{ c.id }}={{ c.function|tojson }}{% endfor %}{% if m.role == 'tool' %}{% if m.tool_call_id|length != 9 %}"
    "{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}{% endif %}"
    "{{ m.tool_call_id }}={% endif %}{{ m.content }}{% endfor %}";
// As Llama 3's.
constexpr const char* kOneCall =
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.tool_calls %}{% if m.tool_calls|length != 1 %}"
    "{{ raise_exception('This model only supports single tool-calls at once!') }}{% endif %}"
    "{{ m.tool_calls[0].function|tojson }}{% endif %}{% endfor %}";

ChatMessage said(const char* role, const char* content) { return {.role = role, .content = content}; }

Json call(const char* id, const char* name) {
  return {{"id", id}, {"type", "function"}, {"function", {{"name", name}, {"arguments", Json::object()}}}};
}

ChatMessage calling(const Json& calls) {
  return {.role = "assistant", .content = "", .extra = {{"tool_calls", calls}}};
}

ChatMessage result(const char* content, const Json& more) {
  return {.role = "tool", .content = content, .extra = more};
}

std::string told(const char* source, const std::vector<ChatMessage>& messages) {
  return ChatTemplate(source, "", "").apply(messages, false).text;
}

TEST(TemplateTurnsTest, UsersAndAnswersComeInTurns) {
  EXPECT_TRUE(ChatTemplate(kAlternating, "", "").capabilities().alternates);
  EXPECT_EQ(told(kAlternating, {said("user", "The folder."), said("user", "Go."), said("assistant", "Aye."),
                                said("assistant", "Done."), said("user", "And?")}),
            "[user]The folder.\n\nGo.[assistant]Aye.\n\nDone.[user]And?");
}

// All that stood there was copied for each message, which took minutes of a processor.
TEST(TemplateTurnsTest, AnyNumberOfMessagesBecomeOne) {
  constexpr std::size_t kMessages = 100'000;
  const std::string line(100, 'x');
  const std::clock_t begun = std::clock();
  for (const char* role : {"user", "system"}) {
    Json entries = Json::array();
    for (std::size_t i = 0; i < kMessages; ++i) entries.push_back({{"role", role}, {"content", line}});
    const Json one = in_order(std::move(entries), {.system = true, .several_system = false, .alternates = true});
    ASSERT_EQ(one.size(), 1U);
    EXPECT_EQ(one[0]["content"].get_ref<const std::string&>().size(), kMessages * (line.size() + 2) - 2);
  }
  EXPECT_LT(static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC, 30);
}

TEST(TemplateTurnsTest, AGreetingHasAUserBeforeIt) {
  EXPECT_EQ(told(kAlternating, {said("system", "Be."), said("assistant", "Ahoy!"), said("user", "Hi")}),
            "[system]Be.[user][assistant]Ahoy![user]Hi");
}

TEST(TemplateTurnsTest, AUserMaySpeakBehindAResult) {
  const std::vector<ChatMessage> messages{said("user", "Rain?"), calling(Json::array({call("a", "look")})),
                                          result("rain", {{"tool_call_id", "a"}}), said("user", "Hurry.")};
  EXPECT_EQ(told(kAlternating, messages),
            R"([user]Rain?[assistant]({"name": "look", "arguments": {}})[tool]rain[assistant][user]Hurry.)");
}

// As Ministral 3's, which refuses an assistant that says nothing.
TEST(TemplateTurnsTest, AUserMaySpeakBehindAResultWhereNoAnswerIsEmpty) {
  const std::string wordy =
      "{% for m in messages %}{% if m.role == 'assistant' and not m.content and not m.tool_calls %}"
      "{{ raise_exception('Assistant message must have content.') }}{% endif %}{% endfor %}" +
      std::string(kAlternating);
  EXPECT_FALSE(ChatTemplate(wordy, "", "").capabilities().empty_answers);
  EXPECT_TRUE(ChatTemplate(kAlternating, "", "").capabilities().empty_answers);
  const std::vector<ChatMessage> messages{said("user", "Rain?"), calling(Json::array({call("a", "look")})),
                                          result("rain", {{"tool_call_id", "a"}}), said("user", "Hurry.")};
  EXPECT_EQ(told(wordy.c_str(), messages),
            R"([user]Rain?[assistant]({"name": "look", "arguments": {}})[tool]rain[assistant].[user]Hurry.)");
}

TEST(TemplateTurnsTest, WhatTakesAnyOrderGetsItAsItIs) {
  constexpr const char* kAny = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";
  const TemplateCapabilities can = ChatTemplate(kAny, "", "").capabilities();
  EXPECT_TRUE(can.several_system && can.later_system && can.any_call_id);
  EXPECT_FALSE(can.alternates);
  EXPECT_EQ(told(kAny, {said("system", "a"), said("system", "b"), said("user", "c"), said("user", "d"),
                        said("system", "e"), said("user", "f")}),
            "[system]a[system]b[user]c[user]d[system]e[user]f");
}

// Codex says its instructions and then what may be done; Claude Code reminds in between.
TEST(TemplateTurnsTest, SystemMessagesStandWhereTheTemplateTakesThem) {
  const std::vector<ChatMessage> messages{said("system", "Be."),       said("system", "Brief."), said("user", "Hi"),
                                          said("assistant", "Aye."),   said("system", "Hurry."), said("user", "Now?"),
                                          said("system", "No tricks.")};
  for (const char* source : {kSystemFirst, kDropsLaterSystem, kTakesTheLastSystem}) {
    EXPECT_EQ(told(source, messages), "[system]Be.\n\nBrief.[user]Hi[assistant]Aye.[user]Hurry.\nNow?[user]No tricks.");
  }
  EXPECT_EQ(told(kAlternating, messages),
            "[system]Be.\n\nBrief.[user]Hi[assistant]Aye.[user]Hurry.\nNow?\n\nNo tricks.");
}

std::string id_in(const std::string& text, const std::string& before) {
  const std::size_t at = text.find(before);
  return at == std::string::npos ? "" : text.substr(at + before.size(), 9);
}

TEST(TemplateTurnsTest, IdsAreAsShortAsTheTemplateWantsThem) {
  EXPECT_FALSE(ChatTemplate(kNineLetters, "", "").capabilities().any_call_id);
  const auto round = [](const char* id) {
    return told(kNineLetters,
                {said("user", "a"), calling(Json::array({call(id, "look")})), result("rain", {{"tool_call_id", id}})});
  };
  const std::string text = round("call_0123456789abcdef01234567");
  const std::string id = id_in(text, "[assistant]");
  EXPECT_EQ(text, fmt::format(R"([user]a[assistant]{}={{"name": "look", "arguments": {{}}}}[tool]{}=rain)", id, id));
  EXPECT_EQ(round("call_0123456789abcdef01234567"), text);
  EXPECT_NE(round("toolu_1"), text);
  EXPECT_EQ(id_in(round("abcdef123"), "[assistant]"), "abcdef123");
}

// Ollama's clients send none.
TEST(TemplateTurnsTest, CallsWithoutIdsHaveSome) {
  const Json calls = Json::array({call("", "look"), call("", "listen")});
  const std::string text =
      told(kNineLetters,
           {said("user", "a"), calling(calls), result("loud", {{"name", "listen"}}), result("rain", {{"name", "look"}}),
            calling(Json::array({call("", "look")})), result("sun", {{"tool_call_id", ""}})});
  EXPECT_TRUE(text.contains("call00002=loud")) << text;
  EXPECT_TRUE(text.contains("call00001=rain")) << text;
  EXPECT_TRUE(text.contains("call00003=sun")) << text;
}

TEST(TemplateTurnsTest, EachCallHasAMessageWhereTheTemplateTakesOne) {
  EXPECT_FALSE(ChatTemplate(kOneCall, "", "").capabilities().parallel_calls);
  const Json calls = Json::array({call("a", "look"), call("b", "listen"), call("c", "smell")});
  EXPECT_EQ(told(kOneCall, {said("user", "x"), calling(calls), result("loud", {{"tool_call_id", "b"}}),
                            result("rain", {{"tool_call_id", "a"}}), result("?", {{"tool_call_id", "z"}})}),
            R"([user]x[assistant]{"name": "look", "arguments": {}}[tool]rain)"
            R"([assistant]{"name": "listen", "arguments": {}}[tool]loud)"
            R"([assistant]{"name": "smell", "arguments": {}}[tool]?)");
}

// Gemma 4's, LFM2's ... teach forms of calls that nobody here reads.
TEST(TemplateTurnsTest, ToolsMayBeToldInWordsThoughTheTemplateHasAPlaceForThem) {
  ChatTemplate chat(
      "{% for t in tools or [] %}<own>{{ t.function.name }}</own>{% endfor %}{% for m in messages %}[{{ m.role }}]"
      "{{ m.content }}{% for c in m.tool_calls or [] %}<own>{{ c.function|tojson }}{% endfor %}{% endfor %}",
      "", "");
  const Json tools = Json::parse(R"([{"type": "function", "function": {"name": "look", "parameters": {}}}])");
  const std::vector<ChatMessage> messages{said("user", "Rain?"), calling(Json::array({call("a", "look")})),
                                          result("rain", {{"tool_call_id", "a"}})};
  EXPECT_TRUE(chat.apply(messages, true, tools).text.starts_with("<own>look</own>[user]"));
  chat.tell_tools_in_words();
  const std::string text = chat.apply(messages, true, tools).text;
  EXPECT_FALSE(text.contains("<own>")) << text;
  EXPECT_TRUE(text.starts_with("[system]You can call any of the following tools")) << text;
  EXPECT_TRUE(text.contains(R"("tool_calls": [)") && text.contains(R"("tool_response")")) << text;
  EXPECT_TRUE(chat.capabilities().tools) << "it still says what the template has a place for";
}

// As DeepSeek V3.1's, which shows calls but no tools, and Granite 3.3's, which shows tools but no calls.
TEST(TemplateTurnsTest, CallsAreWrittenInAFormWhereTheTemplateHasNoPlaceForThem) {
  ChatTemplate chat("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}", "", "");
  chat.write_calls_with([](const Json& calls) {
    std::string text;
    for (const Json& one : calls) text += "<own>" + one["name"].get<std::string>() + one["arguments"].dump();
    return text;
  });
  const Json tools = Json::parse(R"([{"type": "function", "function": {"name": "look", "parameters": {}}}])");
  const std::string text =
      chat.apply({said("user", "Rain?"), calling(Json::array({call("a", "look")}))}, true, tools).text;
  EXPECT_TRUE(text.contains("<own>tool_name{\"arg1\":\"some_value\"}")) << text;
  EXPECT_TRUE(text.ends_with("[assistant]<own>look{}")) << text;
}

}  // namespace
}  // namespace plimsoll::engine
