#include "api/reasoning.hpp"

#include <gtest/gtest.h>

#include <ctime>

#include "api/dialect.hpp"

#include "written.hpp"

namespace plimsoll::api {
namespace {

const ReasoningForm kThink = *reasoning_form("{{ '<think>' }}");

// Thoughts and answer, the text cut into pieces of that length.
std::pair<std::string, std::string> read(std::string_view text, std::size_t length, bool inside = false,
                                         const ReasoningForm& form = kThink) {
  ReasoningReader reader(form, inside);
  std::pair<std::string, std::string> out;
  const auto add = [&](const ReasoningReader::Read& read) {
    out.first += read.thoughts;
    out.second += read.answer;
  };
  for (std::size_t at = 0; at < text.size(); at += length) add(reader.push(text.substr(at, length)));
  add(reader.finish());
  return out;
}

void expect_read(std::string_view text, const std::string& thoughts, const std::string& answer, bool inside = false,
                 const ReasoningForm& form = kThink) {
  for (std::size_t length = 1; length <= text.size(); ++length) {
    SCOPED_TRACE(length);
    EXPECT_EQ(read(text, length, inside, form), std::pair(thoughts, answer));
  }
}

TEST(ReasoningTest, FormsAreToldByTheTemplate) {
  EXPECT_EQ(reasoning_form("{{ messages }}"), std::nullopt);
  EXPECT_EQ(reasoning_form("a<think>\n")->end, "</think>");
  EXPECT_EQ(reasoning_form("'[THINK]'")->end, "[/THINK]");
  EXPECT_EQ(reasoning_form("<|start|>assistant<|channel|>analysis<|message|>")->instead, "<|channel|>final<|message|>");
}

TEST(ReasoningTest, GemmasChannelAndSeedsTags) {
  const ReasoningForm gemma = *reasoning_form("{{- '<|channel>thought\\n' + thinking_text + '\\n<channel|>' -}}");
  expect_read("<|channel>thought\nFirst the wind.\n<channel|>Set sail.", "First the wind.", "Set sail.", false, gemma);
  expect_read("Set sail.", "", "Set sail.", false, gemma);
  EXPECT_FALSE(ends_in_a_thought("<|turn>model\n<|channel>thought\n<channel|>", gemma));  // thinking is off
  const ReasoningForm seed = *reasoning_form("'<seed:think>' + reasoning + '</seed:think>'");
  expect_read("<seed:think>\nHm.\n</seed:think>\nAye.", "Hm.", "Aye.", false, seed);
}

TEST(ReasoningTest, AnswersThatStandBetweenMarks) {
  const ReasoningForm granite = *reasoning_form("between <think></think> and between <response></response>");
  expect_read("<think>Hm.</think>\n<response>\nAye. \n\nSail.\n</response>\n", "Hm.", "Aye. \n\nSail.", false, granite);
  expect_read("<think>Hm.</think>Aye </response>", "Hm.", "Aye </response>", false, granite);
  expect_read("<response>Aye </res", "", "Aye </res", false, granite);
  expect_read("Aye.\n", "", "Aye.\n", false, granite);
  const ReasoningForm cohere = *reasoning_form("'<|START_THINKING|>' '<|END_THINKING|>' '<|START_RESPONSE|>'");
  expect_read("<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>Aye.<|END_RESPONSE|>", "Hm.", "Aye.", false,
              cohere);
  expect_read("<|START_RESPONSE|>Aye.<|END_RESPONSE|>", "", "Aye.", false, cohere);
  EXPECT_EQ(reasoning_form("'<|START_THINKING|>' '<|START_TEXT|>'")->answer_end, "<|END_TEXT|>");
}

TEST(ReasoningTest, AprielsStepsBeforeItsFinalResponse) {
  const ReasoningForm apriel = *reasoning_form("after the marker [BEGIN FINAL RESPONSE].");
  EXPECT_TRUE(ends_in_a_thought("<|begin_assistant|>\nHere are my reasoning steps:\n", apriel));
  expect_read("Hm.\n[BEGIN FINAL RESPONSE]\nAye.\n[END FINAL RESPONSE]", "Hm.", "Aye.", true, apriel);
  expect_read("Here are my reasoning steps:\nHm.\n[BEGIN FINAL RESPONSE]\nAye.", "Hm.", "Aye.", false, apriel);
  expect_read("Aye.", "", "Aye.", false, apriel);
}

// All blanks so far were looked at again with each, which took minutes of a processor.
TEST(ReasoningTest, BlanksAreLookedAtOnce) {
  const std::string blanks(1 << 20, ' ');
  const ReasoningForm granite = *reasoning_form("between <think></think> and between <response></response>");
  const std::clock_t begun = std::clock();
  EXPECT_EQ(read(blanks + "<think>" + blanks + "Hm." + blanks + "Well.</think>" + blanks + "<response>Aye." + blanks +
                     "Sail.</response>",
                 1, false, granite),
            std::pair("Hm." + blanks + "Well.", "Aye." + blanks + "Sail."));
  EXPECT_EQ(read(blanks + "Aye.", 1).second, blanks + "Aye.");
  EXPECT_LT(static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC, 20);
}

TEST(ReasoningTest, ATemplateMayBeginAThought) {
  EXPECT_TRUE(ends_in_a_thought("<|im_start|>assistant\n<think>\n", kThink));
  EXPECT_FALSE(ends_in_a_thought("<|im_start|>assistant\n<think>\n\n</think>\n\n", kThink));
  EXPECT_FALSE(ends_in_a_thought("", kThink));
}

TEST(ReasoningTest, ThoughtsStandInFrontOfTheAnswer) {
  expect_read("<think>\nFirst the wind.\n\nThen the sea.\n</think>\n\nSet sail.\n", "First the wind.\n\nThen the sea.",
              "Set sail.\n");
  expect_read("\n<think>a</think>b", "a", "b");
}

TEST(ReasoningTest, AThoughtThatTheTemplateBegan) {
  expect_read("Hm.\n</think>\nAye.", "Hm.", "Aye.", true);
  expect_read("No end of it", "No end of it", "", true);
}

TEST(ReasoningTest, AnAnswerWithoutThoughtsIsAsItWas) {
  expect_read("  <thin ice> ahead", "", "  <thin ice> ahead");
  expect_read("Aye <think>no</think>", "", "Aye <think>no</think>");  // elsewhere it is text
  expect_read("<thi", "", "<thi");
  expect_read("", "", "");
}

TEST(ReasoningTest, WhatLooksLikeAnEndIsAThought) {
  expect_read("<think>a </thin b </ c</think> d", "a </thin b </ c", "d");
  expect_read("<think>a </thi", "a </thi", "");
  expect_read("<think></think>b", "", "b");
  expect_read("<think> \n</think>\n", "", "");
}

TEST(ReasoningTest, Channels) {
  const ReasoningForm channels = *reasoning_form("<|channel|>analysis");
  expect_read("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Aye.", "Hm.",
              "Aye.", false, channels);
  expect_read("<|channel|>final<|message|>Aye.", "", "Aye.", false, channels);
}

// --- as each API tells it ---

Json chat_request(const std::string& more = "") {
  return Json::parse(R"({"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}])" + more + "}");
}

std::string streamed(AnswerWriter& writer) {
  std::string out = writer.begin(test::kMeta);
  out += writer.piece({.reasoning = "Hm"});
  out += writer.piece({.reasoning = "."});
  out += writer.piece({.text = "Aye."});
  out += writer.end_of_choice({});
  out += writer.end(test::kUsage);
  return out;
}

const Answer kAnswer{.meta = test::kMeta, .choices = {{.text = "Aye.", .reasoning = "Hm."}}, .usage = test::kUsage};

TEST(ReasoningTest, InChatCompletions) {
  const Asked asked = read_chat_completion(chat_request());
  const Json whole = asked.writer->whole(kAnswer);
  EXPECT_EQ(whole["choices"][0]["message"]["content"], "Aye.");
  EXPECT_EQ(whole["choices"][0]["message"]["reasoning_content"], "Hm.");
  std::string thoughts;
  std::string text;
  for (const Json& event : test::events(streamed(*asked.writer))) {
    const Json& delta = event["choices"][0]["delta"];
    thoughts += delta.value("reasoning_content", "");
    if (delta.contains("content") && delta["content"].is_string()) text += delta["content"].get<std::string>();
  }
  EXPECT_EQ(thoughts, "Hm.");
  EXPECT_EQ(text, "Aye.");
}

TEST(ReasoningTest, InMessagesWhereTheyAreAskedFor) {
  const Asked asked = read_message(chat_request(R"(, "thinking": {"type": "enabled", "budget_tokens": 1024})"));
  const Json whole = asked.writer->whole(kAnswer);
  ASSERT_EQ(whole["content"].size(), 2U);
  EXPECT_EQ(whole["content"][0].dump(), R"({"type":"thinking","thinking":"Hm.","signature":""})");
  std::vector<std::string> seen;
  for (const Json& event : test::events(streamed(*asked.writer))) {
    std::string line = event["type"];
    if (event.contains("index")) line += " " + event["index"].dump();
    if (event.contains("content_block")) line += " " + event["content_block"]["type"].get<std::string>();
    if (line.starts_with("content_block_delta")) line += " " + event["delta"]["type"].get<std::string>();
    seen.push_back(line);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{
                      "message_start", "content_block_start 0 thinking", "content_block_delta 0 thinking_delta",
                      "content_block_delta 0 thinking_delta", "content_block_stop 0", "content_block_start 1 text",
                      "content_block_delta 1 text_delta", "content_block_stop 1", "message_delta", "message_stop"}));
}

TEST(ReasoningTest, InMessagesTheyAreLeftOutElse) {
  const Asked asked = read_message(chat_request());
  EXPECT_EQ(asked.writer->whole(kAnswer)["content"].size(), 1U);
  EXPECT_EQ(streamed(*asked.writer).find("thinking"), std::string::npos);
}

TEST(ReasoningTest, InResponses) {
  const Asked asked = read_response(Json::parse(R"({"input": "hi"})"));
  std::vector<std::string> seen;
  Json last;
  for (const Json& event : test::events(streamed(*asked.writer))) {
    std::string line = event["type"];
    if (event.contains("item_id")) line += " " + event["item_id"].get<std::string>();
    seen.push_back(line);
    last = event;
  }
  EXPECT_EQ(seen, (std::vector<std::string>{
                      "response.created", "response.in_progress", "response.output_item.added",
                      "response.reasoning_text.delta rs_0123abcd_0", "response.reasoning_text.delta rs_0123abcd_0",
                      "response.reasoning_text.done rs_0123abcd_0", "response.output_item.done",
                      "response.output_item.added", "response.content_part.added msg_0123abcd_1",
                      "response.output_text.delta msg_0123abcd_1", "response.output_text.done msg_0123abcd_1",
                      "response.content_part.done msg_0123abcd_1", "response.output_item.done", "response.completed"}));
  const Asked again = read_response(Json::parse(R"({"input": "hi"})"));
  EXPECT_EQ(again.writer->whole(kAnswer)["output"], last["response"]["output"]);
}

TEST(ReasoningTest, ThoughtsAloneAreAnEmptyMessageToo) {
  const Asked asked = read_response(Json::parse(R"({"input": "hi"})"));
  std::string out = asked.writer->begin(test::kMeta);
  out += asked.writer->piece({.reasoning = "Hm"});
  out += asked.writer->end_of_choice({.finish = Finish::length});
  out += asked.writer->end(test::kUsage);
  const Json output = test::events(out).back()["response"]["output"];
  ASSERT_EQ(output.size(), 2U);
  EXPECT_EQ(output[0]["content"][0]["text"], "Hm");
  EXPECT_EQ(output[1]["content"][0]["text"], "");
}

TEST(ReasoningTest, GroqsWordsForWhereThoughtsStand) {
  EXPECT_FALSE(read_chat_completion(chat_request(R"(, "reasoning_format": "parsed")")).request.thoughts_as_text);
  EXPECT_TRUE(read_chat_completion(chat_request(R"(, "reasoning_format": "raw")")).request.thoughts_as_text);
  const Asked hidden = read_chat_completion(chat_request(R"(, "reasoning_format": "hidden")"));
  EXPECT_FALSE(hidden.request.thoughts_as_text);
  EXPECT_FALSE(hidden.writer->whole(kAnswer)["choices"][0]["message"].contains("reasoning_content"));
  EXPECT_ANY_THROW((void)read_chat_completion(chat_request(R"(, "reasoning_format": "loud")")));
}

TEST(ReasoningTest, HowHardToThinkIsTheTemplates) {
  const auto values = [](const Asked& asked) {
    return std::get<ChatPrompt>(asked.request.prompt).template_values.dump();
  };
  EXPECT_EQ(values(read_chat_completion(chat_request())), "null");
  EXPECT_EQ(values(read_chat_completion(chat_request(R"(, "reasoning_effort": "low")"))),
            R"({"reasoning_effort":"low"})");
  EXPECT_EQ(values(read_chat_completion(chat_request(R"(, "reasoning_effort": "none")"))),
            R"({"enable_thinking":false})");
  EXPECT_EQ(values(read_chat_completion(chat_request(R"(, "chat_template_kwargs": {"enable_thinking": false})"))),
            R"({"enable_thinking":false})");
  EXPECT_EQ(values(read_chat_completion(chat_request(R"(, "reasoning": "low")"))), R"({"reasoning_effort":"low"})");
  EXPECT_EQ(values(read_chat_completion(chat_request(R"(, "reasoning": "off")"))), R"({"enable_thinking":false})");
  EXPECT_EQ(values(read_chat_completion(chat_request(R"(, "reasoning": true)"))), R"({"enable_thinking":true})");
  EXPECT_EQ(values(read_message(chat_request(R"(, "thinking": {"type": "disabled"})"))),
            R"({"enable_thinking":false})");
  EXPECT_EQ(values(read_response(Json::parse(R"({"input": "hi", "reasoning": {"effort": "high"}})"))),
            R"({"reasoning_effort":"high"})");
}

}  // namespace
}  // namespace plimsoll::api
