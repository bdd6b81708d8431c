#include "api/json_text.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>

#include "api/sse.hpp"

#include "expect_problem.hpp"

namespace plimsoll::api {
namespace {

using test::expect_problem;

void expect_refused(const std::string& text, const std::string& words) {
  SCOPED_TRACE(text.substr(0, 80));
  expect_problem("", words, [&] { return parse_object(text); });
}

std::string repeated(const std::string& text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string members(std::size_t count) {
  std::string out = "{";
  for (std::size_t i = 0; i < count; ++i) out += fmt::format("{}\"{}\":{{}}", i > 0 ? "," : "", i);
  return out + "}";
}

TEST(JsonTextTest, WhatIsNoJson) {
  for (const char* text : {"", " ", "{", R"({"a")", R"({"a":})", R"({"a":1,})", "{'a':1}", R"({"a":1} x)",
                           R"({"a":NaN})", R"({"a":Infinity})", R"({"a":-Infinity})", R"({"a":1e999})", R"({"a":01})",
                           R"({"a":"b)", R"({"a":"\x"})", "{\"a\":\"\n\"}", R"({"a":tru)", "// c\n{}"})
    expect_refused(text, "the body is not JSON");
}

TEST(JsonTextTest, WhatIsNoUtf8) {
  for (const char* bytes : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC3"})
    expect_refused(fmt::format("{{\"a\":\"{}\"}}", bytes), "the body is not JSON");
}

TEST(JsonTextTest, OtherValuesThanObjects) {
  for (const char* text : {"1", "null", "[]", "\"{}\"", "true"}) expect_refused(text, "must be a JSON object");
}

TEST(JsonTextTest, DepthIsBounded) {
  const auto deep = [](std::size_t depth) {
    return R"({"a":)" + repeated("[", depth - 1) + repeated("]", depth - 1) + "}";
  };
  EXPECT_NO_THROW((void)parse_object(deep(kDeepestJson)));
  expect_refused(deep(kDeepestJson + 1), "nested deeper than 64");
  expect_refused(repeated("[", 5'000'000), "nested deeper");
  expect_refused(repeated(R"({"a":)", 1'000'000), "nested deeper");
}

TEST(JsonTextTest, JsonInsideOfJsonIsBoundedAsWell) {
  EXPECT_EQ(json_inside(R"({"a":[1]})"), Json::parse(R"({"a":[1]})"));
  EXPECT_EQ(json_inside("7"), Json(7));
  EXPECT_EQ(json_inside(""), std::nullopt);
  EXPECT_EQ(json_inside("{'a'}"), std::nullopt);
  EXPECT_EQ(json_inside(members(kMostMembers + 1)), std::nullopt);
  constexpr std::size_t kDeep = 1'000'000;
  EXPECT_EQ(json_inside(repeated("[", kDeep) + repeated("]", kDeep)), std::nullopt);
}

TEST(JsonTextTest, MembersOfOneObjectAreBounded) {
  EXPECT_EQ(parse_object(members(kMostMembers)).size(), static_cast<std::size_t>(kMostMembers));
  expect_refused(members(kMostMembers + 1), "more than 1024 members");
  expect_refused(R"({"a":[)" + members(kMostMembers + 1) + "]}", "more than 1024 members");
}

TEST(JsonTextTest, MembersOfManyObjectsAreNot) {
  const std::string list = R"({"a":[{"b":1,"c":2})" + repeated(R"(,{"b":1,"c":2})", 5000) + "]}";
  EXPECT_EQ(parse_object(list)["a"].size(), 5001U);
}

TEST(JsonTextTest, ManyObjectsTakeNoLongerThanTheyAreLong) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(parse_object(R"({"a":[{})" + repeated(",{}", 1'000'000) + "]}")["a"].size(), 1'000'001U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(JsonTextTest, TheLastOfTwoCounts) {
  EXPECT_EQ(to_text(parse_object(R"({"a":1,"b":2,"a":3})")), R"({"a":3,"b":2})");
}

// As programs in JavaScript write a text that they have cut inside of a character.
TEST(JsonTextTest, HalvesOfCharactersAreReplaced) {
  const std::string no_character = "\xEF\xBF\xBD";
  for (const auto& [text, read] :
       std::vector<std::pair<std::string, std::string>>{{R"(a\ud83d)", "a" + no_character},
                                                        {R"(\uDE00z)", no_character + "z"},
                                                        {R"(\ud83d\ud83d\ude00)", no_character + "\xF0\x9F\x98\x80"},
                                                        {R"(\ude00\ud83d\u0041)", no_character + no_character + "A"},
                                                        {R"(\\ud83d\ud83d\\)", R"(\ud83d)" + no_character + R"(\)"}})
    EXPECT_EQ(parse_object(R"({"a":")" + text + R"("})")["a"], read) << text;
  EXPECT_THROW((void)parse_object(R"({"a":"\ud83d",})"), Problem);
  EXPECT_THROW((void)parse_object(R"({"a":"\ud8zz"})"), Problem);
}

TEST(JsonTextTest, LoneBytesAreReplacedWhenWritten) {
  EXPECT_EQ(to_text({{"a", "x\xC3"}}), "{\"a\":\"x\xEF\xBF\xBD\"}");
  EXPECT_EQ(to_text({{"\xFF", 1}}), "{\"\xEF\xBF\xBD\":1}");
}

TEST(JsonTextTest, EventsAreOneLine) {
  EXPECT_EQ(event({{"a", "x\ny"}}), "data: {\"a\":\"x\\ny\"}\n\n");
  EXPECT_EQ(event({{"a", 1}}, "b"), "event: b\ndata: {\"a\":1}\n\n");
}

RC_GTEST_PROP(JsonTextTest, AnyBytesAreReadOrRefused, (const std::string& text)) {
  try {
    RC_ASSERT(parse_object(text).is_object());
  } catch (const Problem& problem) {
    RC_ASSERT(problem.status() == 400);
    RC_ASSERT(!to_text(error_body(problem, ErrorShape::openai)).empty());
  }
}

}  // namespace
}  // namespace plimsoll::api
