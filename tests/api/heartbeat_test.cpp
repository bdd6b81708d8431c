// What an API's answers say while there is nothing to say, and how requests ask for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/dialect.hpp"
#include "api/unknown_fields.hpp"

#include "expect_problem.hpp"
#include "written.hpp"

namespace plimsoll::api {
namespace {

using test::expect_problem;

Asked ask(const Dialect& dialect, const char* more = "") {
  const UnknownFields others(UnknownRule::ignore);
  const std::string_view path = dialect.path;
  const bool is_response = path == "/v1/responses" || path == "/api/v1/chat";  // they know another "prompt", or none
  const std::string body =
      std::string(R"({"model": "a", "max_tokens": 4, )") + (is_response ? R"("input": "a")" : R"("prompt": "a")") +
      R"(, "input_prefix": "a", "input_suffix": "b", "messages": [{"role": "user", "content": "a"}])" + more + "}";
  return dialect.read(Json::parse(body));
}

const Dialect& dialect_at(std::string_view path) {
  return *std::ranges::find_if(dialects(), [&](const Dialect& one) { return path == one.path; });
}

// Before the first event and between two: readers of events skip it, and readers of lines find JSON behind it.
TEST(HeartbeatTest, EachApiHasOneThatItsClientsDoNotSee) {
  for (const Dialect& dialect : dialects()) {
    const std::string beat = ask(dialect).writer->heartbeat();
    const std::string_view path = dialect.path;
    if (path == "/v1/messages")
      EXPECT_EQ(beat, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
    else if (path.starts_with("/api/") && path != "/api/v1/chat")
      EXPECT_EQ(Json::parse(beat + beat + R"({"done": true})"), Json::parse(R"({"done": true})"));
    else
      EXPECT_EQ(beat, ":\n\n") << path;
  }
}

TEST(HeartbeatTest, ARequestMaySayHowOften) {
  for (const char* path : {"/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/v1/chat", "/completion"}) {
    const Dialect& dialect = dialect_at(path);
    EXPECT_EQ(ask(dialect).request.heartbeat, std::nullopt);
    EXPECT_EQ(ask(dialect, R"(, "sse_ping_interval": 30)").request.heartbeat, std::chrono::seconds(30));
    EXPECT_EQ(ask(dialect, R"(, "sse_ping_interval": -1)").request.heartbeat, std::chrono::seconds(0));
    expect_problem("sse_ping_interval", "", [&] { return ask(dialect, R"(, "sse_ping_interval": "often")"); });
  }
}

TEST(HeartbeatTest, AndHowSoonItWantsToBeServed) {
  const Dialect& dialect = dialect_at("/v1/chat/completions");
  EXPECT_EQ(ask(dialect).request.priority, std::nullopt);
  EXPECT_EQ(ask(dialect, R"(, "priority": -3)").request.priority, -3);
  expect_problem("priority", "", [&] { return ask(dialect, R"(, "priority": "soon")"); });
}

TEST(HeartbeatTest, LlamaServersCompletionTellsOfItsPromptAndItsTimes) {
  const Asked asked = ask(dialect_at("/completion"), R"(, "return_progress": true, "timings_per_token": true)");
  EXPECT_TRUE(asked.request.tells_progress);
  EXPECT_TRUE(asked.request.tells_times);
  const Json progress = test::events(asked.writer->progress({.total = 9, .cached = 2, .processed = 5})).back();
  EXPECT_EQ(progress["prompt_progress"].dump(), R"({"total":9,"cache":2,"processed":5,"time_ms":0})");
  EXPECT_EQ(progress["content"], "");
  EXPECT_EQ(progress["stop"], false);
  const Json piece = test::events(asked.writer->piece({.text = "a", .timings = Timings{.prompt = 3}})).back();
  EXPECT_EQ(piece["timings"]["prompt_n"], 3);
}

}  // namespace
}  // namespace plimsoll::api
