#include <gtest/gtest.h>

#include "api/dialect.hpp"
#include "api/unknown_fields.hpp"

#include "expect_problem.hpp"
#include "written.hpp"

namespace plimsoll::api {
namespace {

using test::events;
using test::expect_problem;
using test::kMeta;

Asked ask(const std::string& more) { return read_lm_studio_chat(Json::parse(R"({"model": "mate", )" + more + "}")); }

const std::vector<engine::ChatMessage>& messages(const Asked& asked) {
  return std::get<ChatPrompt>(asked.request.prompt).messages;
}

std::vector<std::string> types(const std::vector<Json>& events) {
  std::vector<std::string> out;
  for (const Json& event : events) out.push_back(event["type"]);
  return out;
}

TEST(LmStudioTest, AnInputAndItsSettings) {
  const Asked asked = ask(R"("input": "hi", "system_prompt": "be brief", "max_output_tokens": 3, "temperature": 0.5,
                             "top_k": 7, "repeat_penalty": 1.5, "reasoning": "off")");
  ASSERT_EQ(messages(asked).size(), 2U);
  EXPECT_EQ(messages(asked)[0].role, "system");
  EXPECT_EQ(messages(asked)[0].content, "be brief");
  EXPECT_EQ(messages(asked)[1].content, "hi");
  EXPECT_EQ(asked.request.most_tokens, 3);
  EXPECT_EQ(asked.request.sampling.top_k, 7);
  EXPECT_EQ(asked.request.sampling.penalty_repeat, 1.5F);
  EXPECT_EQ(std::get<ChatPrompt>(asked.request.prompt).template_values["enable_thinking"], false);
  EXPECT_FALSE(asked.request.stream);
}

TEST(LmStudioTest, PartsAreOneMessageAndEarlierAnswersStayTheirs) {
  const Asked asked = ask(R"("previous_response_id": "resp_1", "input": [
      {"type": "text", "content": "a"}, {"type": "message", "content": "b"},
      {"id": "rs_1", "type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "so"}]},
      {"id": "msg_1", "type": "message", "role": "assistant", "content": "c"}, {"type": "message", "content": "d"}])");
  ASSERT_EQ(messages(asked).size(), 3U);
  EXPECT_EQ(messages(asked)[0].role, "user");
  EXPECT_TRUE(messages(asked)[0].content.starts_with("a") && messages(asked)[0].content.ends_with("b"));
  EXPECT_EQ(messages(asked)[1].content, "c");
  EXPECT_EQ(messages(asked)[1].extra["reasoning_content"], "so");
  EXPECT_EQ(messages(asked)[2].content, "d");
}

TEST(LmStudioTest, WhatIsRefusedAndWhatIsIgnored) {
  const UnknownFields unknown(UnknownRule::ignore);
  (void)ask(R"("input": "hi", "integrations": [], "context_length": 8000, "tools": [], "surprise": 1)");
  EXPECT_EQ(unknown.ignored(), (std::vector<std::string>{"context_length", "tools", "surprise"}));
  expect_problem("integrations", "no tools are run here",
                 [] { return ask(R"("input": "hi", "integrations": ["mcp/playwright"])"); });
  expect_problem("input", "is missing", [] { return ask(R"("store": true)"); });
  expect_problem("input[0].type", "must be 'message'", [] { return ask(R"("input": [{"type": "song"}])"); });
  EXPECT_THROW((void)ask(R"("input": [{"type": "image", "data_url": "data:image/png;base64,AA=="}])"), Problem);
}

TEST(LmStudioTest, TheWholeAnswer) {
  const Asked asked = ask(R"("input": "hi")");
  const Usage usage{.prompt_tokens = 12,
                    .completion_tokens = 8,
                    .reasoning_tokens = 3,
                    .timings = Timings{.predicted = 8, .predicted_ms = 400},
                    .load_ms = 1000,
                    .total_ms = 1650};
  const Json answer = asked.writer->whole(
      {.meta = kMeta, .choices = {{.text = "Aye.", .reasoning = "hm", .finish = Finish::stop}}, .usage = usage});
  EXPECT_EQ(answer.dump(),
            R"({"model_instance_id":"mate","output":[{"type":"reasoning","content":"hm"},)"
            R"({"type":"message","content":"Aye."}],"stats":{"input_tokens":12,"total_output_tokens":8,)"
            R"("reasoning_output_tokens":3,"tokens_per_second":20.0,"time_to_first_token_seconds":0.25},)"
            R"("response_id":"resp_0123abcd"})");
  EXPECT_EQ(asked.writer->items().size(), 2U);
  const Asked next = read_lm_studio_chat({{"input", asked.writer->items()}});
  EXPECT_EQ(messages(next).at(0).content, "Aye.");
  const Asked forgotten = ask(R"("input": "hi", "store": false)");
  EXPECT_FALSE(forgotten.writer->whole({.meta = kMeta, .choices = {{.text = "Aye."}}}).contains("response_id"));
}

TEST(LmStudioTest, EventsOfAStream) {
  const Asked asked = ask(R"("input": "hi", "stream": true)");
  EXPECT_TRUE(asked.request.tells_progress);
  AnswerWriter& writer = *asked.writer;
  std::string out = writer.begin(kMeta);
  out += writer.progress({.total = 8, .processed = 4});
  out += writer.piece({.reasoning = "h"});
  out += writer.piece({.reasoning = "m"});
  out += writer.piece({.text = "A"});
  out += writer.piece({.text = "ye."});
  out += writer.end_of_choice({});
  out += writer.end({.prompt_tokens = 12});
  EXPECT_TRUE(out.starts_with("event: chat.start\ndata: {\"type\":\"chat.start\",\"model_instance_id\":\"mate\"}\n\n"));
  const std::vector<Json> all = events(out);
  EXPECT_EQ(types(all), (std::vector<std::string>{"chat.start", "prompt_processing.start", "prompt_processing.progress",
                                                  "prompt_processing.end", "reasoning.start", "reasoning.delta",
                                                  "reasoning.delta", "reasoning.end", "message.start", "message.delta",
                                                  "message.delta", "message.end", "chat.end"}));
  EXPECT_EQ(all[2]["progress"], 0.5);
  EXPECT_EQ(all[9]["content"], "A");
  EXPECT_EQ(all.back()["result"]["output"][1]["content"], "Aye.");
  EXPECT_EQ(all.back()["result"]["response_id"], "resp_0123abcd");
}

TEST(LmStudioTest, AStreamThatFailsSaysWhatThereWas) {
  const Asked asked = ask(R"("input": "hi", "stream": true)");
  AnswerWriter& writer = *asked.writer;
  std::string out = writer.begin(kMeta);
  out += writer.piece({.text = "A"});
  out += writer.failure(no_such_model("kraken"));
  const std::vector<Json> all = events(out);
  EXPECT_EQ(types(all),
            (std::vector<std::string>{"chat.start", "prompt_processing.start", "prompt_processing.end", "message.start",
                                      "message.delta", "message.end", "error", "chat.end"}));
  EXPECT_EQ(all[6]["error"]["type"], "model_not_found");
  EXPECT_EQ(all[6]["error"]["param"], "model");
  EXPECT_EQ(all[7]["result"]["output"][0]["content"], "A");
  EXPECT_FALSE(all[7]["result"].contains("response_id"));
  const Asked nothing = ask(R"("input": "hi", "stream": true)");
  EXPECT_EQ(types(events(nothing.writer->begin_to_fail(kMeta) + nothing.writer->failure(bad_request("no")))),
            (std::vector<std::string>{"chat.start", "error", "chat.end"}));
}

}  // namespace
}  // namespace plimsoll::api
