// What clients of llama-server look for in OpenAI's APIs.
#include <gtest/gtest.h>

#include "api/dialect.hpp"

#include "expect_problem.hpp"
#include "written.hpp"

namespace plimsoll::api {
namespace {

using test::expect_problem;

Asked ask_chat(const std::string& more = "") {
  return read_chat_completion(Json::parse(R"({"messages": [{"role": "user", "content": "hi"}])" + more + "}"));
}

// A client of llama-server's takes the times of the first chunk for those of a token.
TEST(LlamaClientsTest, TheFirstDeltaHasTheRoleAndNothingElse) {
  const Asked asked = ask_chat();
  std::string out = asked.writer->begin(test::kMeta);
  out += asked.writer->piece({.text = "a", .timings = Timings{.predicted = 1}});
  const std::vector<Json> all = test::events(out);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["choices"][0]["delta"].dump(), R"({"role":"assistant","content":null})");
  EXPECT_FALSE(all[0].contains("timings"));
  EXPECT_TRUE(all[1].contains("timings"));
  EXPECT_TRUE(all[0]["system_fingerprint"].get<std::string>().starts_with("b"));
}

// llama-server refuses it, too: nobody can say where the second one begins in the prompt.
TEST(LlamaClientsTest, AnAnswerGoesOnWithOneMessage) {
  const auto read = [](const std::string& more) {
    const Asked asked = read_chat_completion(Json::parse(R"({"messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "assistant", "content": "c"}])" +
                                                         more + "}"));
    return std::get<ChatPrompt>(asked.request.prompt);
  };
  expect_problem("messages", "two messages of the assistant's", [&] { return read(""); });
  EXPECT_FALSE(read(R"(, "add_generation_prompt": true)").goes_on);
}

TEST(LlamaClientsTest, PartsOfABegunAnswerAreParagraphs) {
  const auto read = [](const std::string& more) {
    const Asked asked = read_chat_completion(Json::parse(R"({"messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]}])" +
                                                         more + "}"));
    return std::get<ChatPrompt>(asked.request.prompt).messages.back().content;
  };
  EXPECT_EQ(read(""), "b\n\nc");
  EXPECT_EQ(read(R"(, "add_generation_prompt": true)"), "bc");
}

TEST(LlamaClientsTest, AVerboseAnswerTellsItsPromptAndItsSettings) {
  ResponseMeta meta = test::kMeta;
  meta.prompts = {{.tokens = {1, 2, 3}, .text = "<s> hi", .most_tokens = 2}};
  meta.sampling.emplace();
  meta.sampling->top_k = 7;
  const Asked asked = ask_chat(R"(, "verbose": true, "max_tokens": 2)");
  EXPECT_TRUE(asked.request.shows_tokens);
  const Json whole = asked.writer->whole({.meta = meta, .choices = {{.text = "a"}}})["__verbose"];
  EXPECT_EQ(whole["prompt"], "<s> hi");
  EXPECT_EQ(whole["content"], "a");
  EXPECT_EQ(whole["tokens_evaluated"], 3);
  EXPECT_EQ(whole["generation_settings"]["top_k"], 7);
  EXPECT_EQ(whole["generation_settings"]["n_predict"], 2);
  (void)asked.writer->begin(meta);
  const Json last = test::events(asked.writer->end_of_choice({.finish = Finish::length})).back();
  EXPECT_EQ(last["__verbose"]["prompt"], "<s> hi");
  EXPECT_EQ(last["__verbose"]["stop_type"], "limit");
  const Answer answer{.meta = meta, .choices = {{.text = "a"}}};
  EXPECT_FALSE(ask_chat(R"(, "verbose": false)").writer->whole(answer).contains("__verbose"));
  const Asked text = read_completion(Json::parse(R"({"prompt": "hi", "verbose": true})"));
  EXPECT_EQ(text.writer->whole(answer)["__verbose"]["prompt"], "<s> hi");
  (void)text.writer->begin(meta);
  EXPECT_EQ(test::events(text.writer->end_of_choice({})).back()["__verbose"]["prompt"], "<s> hi");
}

TEST(LlamaClientsTest, ResponsesTellOfTheirPromptAndTheirTimes) {
  const Asked asked =
      read_response(Json::parse(R"({"input": "hi", "return_progress": true, "timings_per_token": true})"));
  EXPECT_TRUE(asked.request.tells_progress);
  (void)asked.writer->begin(test::kMeta);
  const Json progress = test::events(asked.writer->progress({.total = 9, .cached = 2, .processed = 5})).back();
  EXPECT_EQ(progress["type"], "response.in_progress");
  EXPECT_EQ(progress["response"]["status"], "in_progress");
  EXPECT_EQ(progress["prompt_progress"].dump(), R"({"total":9,"cache":2,"processed":5,"time_ms":0})");
  const Json delta = test::events(asked.writer->piece({.text = "a", .timings = Timings{.predicted = 1}})).back();
  EXPECT_EQ(delta["type"], "response.output_text.delta");
  EXPECT_EQ(delta["timings"]["predicted_n"], 1);
  EXPECT_FALSE(test::events(asked.writer->piece({.text = "b"})).back().contains("timings"));
  Usage usage = test::kUsage;
  usage.timings = Timings{.predicted = 7};
  const Json last = test::events(asked.writer->end(usage)).back();
  EXPECT_EQ(last["timings"]["predicted_n"], 7);
  EXPECT_EQ(last["response"]["timings"]["predicted_n"], 7);
}

}  // namespace
}  // namespace plimsoll::api
