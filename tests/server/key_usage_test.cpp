#include "key_usage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rate_limit.hpp"

namespace plimsoll::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr RateLimit::Time kBegin{};

double seconds_until(RateLimit& limit, double amount, RateLimit::Time now) { return limit.until(amount, now).count(); }

TEST(RateLimitTest, AMinutesWorthMayBeTakenAtOnceAndComesBackEvenly) {
  RateLimit limit(60, kBegin);
  EXPECT_EQ(seconds_until(limit, 60, kBegin), 0);
  limit.take(60, kBegin);
  EXPECT_EQ(limit.left(kBegin), 0U);
  EXPECT_NEAR(seconds_until(limit, 1, kBegin), 1, 1e-9);
  EXPECT_EQ(limit.left(kBegin + seconds(10)), 10U);
  EXPECT_NEAR(limit.until_full(kBegin + seconds(10)).count(), 50, 1e-9);
  EXPECT_EQ(limit.left(kBegin + std::chrono::hours(1)), 60U) << "no more than a minute's";
}

TEST(RateLimitTest, WhatIsMoreThanAMinutesWaitsForAFullOneAndOwesTheRest) {
  RateLimit limit(100, kBegin);
  EXPECT_EQ(seconds_until(limit, 1000, kBegin), 0);
  limit.take(1000, kBegin);
  EXPECT_EQ(limit.left(kBegin), 0U);
  EXPECT_NEAR(seconds_until(limit, 1, kBegin), 901 * 0.6, 1e-6);
}

TEST(RateLimitTest, WhatIsGivenBackIsThereAgainAndTimeNeverGoesBack) {
  RateLimit limit(60, kBegin);
  limit.take(30, kBegin + seconds(5));
  limit.take(-10, kBegin + seconds(5));
  EXPECT_EQ(limit.left(kBegin), 40U);
  limit.take(-1000, kBegin);
  EXPECT_EQ(limit.left(kBegin), 60U);
}

TEST(RateLimitTest, AnotherLimitCountsAtOnce) {
  RateLimit limit(60, kBegin);
  limit.take(50, kBegin);
  limit.set_limit(100, kBegin);
  EXPECT_EQ(limit.left(kBegin), 50U) << "what it has more is there";
  limit.set_limit(20, kBegin);
  EXPECT_EQ(limit.left(kBegin), 20U) << "no more than a minute's";
  limit.take(30, kBegin);
  limit.set_limit(15, kBegin);
  EXPECT_NEAR(seconds_until(limit, 1, kBegin), 11 * 4, 1e-9) << "what is owed stays owed";
  limit.set_limit(0, kBegin);
  EXPECT_EQ(seconds_until(limit, 1e9, kBegin), 0);
  limit.set_limit(5, kBegin);
  EXPECT_EQ(limit.left(kBegin), 5U);
}

TEST(RateLimitTest, NoLimitIsNone) {
  RateLimit limit(0, kBegin);
  limit.take(1e9, kBegin);
  EXPECT_FALSE(limit.is_limited());
  EXPECT_EQ(seconds_until(limit, 1e9, kBegin), 0);
}

class KeyUsageTest : public testing::Test {
 protected:
  KeyUsage usage{{{.name = "crew",
                   .key = "secret",
                   .weight = 3,
                   .priority = 2,
                   .max_requests = 2,
                   .requests_per_minute = 6,
                   .tokens_per_minute = 1000},
                  {.name = "guest", .key = "open"}},
                 kBegin};

  void expect_refused(const std::string& limit, seconds after, const std::function<void()>& work) {
    try {
      work();
      ADD_FAILURE() << "it was not refused";
    } catch (const api::Problem& problem) {
      EXPECT_EQ(problem.status(), 429);
      EXPECT_EQ(problem.code(), "rate_limit_exceeded");
      EXPECT_EQ(problem.details()["limit"], limit);
      EXPECT_EQ(problem.retry_after(), after);
      EXPECT_THAT(problem.what(), Not(HasSubstr("secret")));
    }
  }
};

TEST_F(KeyUsageTest, AKeyHasSoManyRequestsAtOnce) {
  const auto one = usage.begin("crew", kBegin);
  auto two = usage.begin("crew", kBegin);
  expect_refused("concurrency", seconds(1), [&] { (void)usage.begin("crew", kBegin); });
  two.reset();
  EXPECT_NE(usage.begin("crew", kBegin), nullptr);
}

TEST_F(KeyUsageTest, OtherKeysAndRulesCountFromThenOn) {
  auto first = usage.begin("crew", kBegin);
  auto of_a_guest = usage.begin("guest", kBegin);
  usage.replace({{.name = "crew", .key = "new", .weight = 7, .max_requests = 1, .requests_per_minute = 3},
                 {.name = "mate", .key = "other"}},
                kBegin);
  expect_refused("concurrency", seconds(1), [&] { (void)usage.begin("crew", kBegin); });
  EXPECT_EQ(usage.begin("guest", kBegin), nullptr);
  EXPECT_NE(usage.begin("mate", kBegin), nullptr);
  EXPECT_EQ(usage.claim_of("crew", {}, 1).weight, 7);
  EXPECT_EQ(usage.claim_of("guest", {}, 1).tenant, "");
  usage.take_prompt("crew", 1'000'000, kBegin);  // no limit any more
  of_a_guest.reset();                            // whose key is gone
  first.reset();
  for (int i = 0; i < 3; ++i) EXPECT_NE(usage.begin("crew", kBegin), nullptr);
  expect_refused("requests", seconds(20), [&] { (void)usage.begin("crew", kBegin); });
  EXPECT_THAT(usage.to_prometheus(), HasSubstr(R"(plimsoll_key_requests_total{key="crew"} 4)"));
}

TEST_F(KeyUsageTest, AndSoManyInAMinute) {
  for (int i = 0; i < 6; ++i) EXPECT_NE(usage.begin("crew", kBegin), nullptr);
  expect_refused("requests", seconds(10), [&] { (void)usage.begin("crew", kBegin); });
  expect_refused("requests", seconds(7), [&] { (void)usage.begin("crew", kBegin + milliseconds(3500)); });
  EXPECT_NE(usage.begin("crew", kBegin + seconds(10)), nullptr);
}

TEST_F(KeyUsageTest, AndSoManyTokensThatAreComputed) {
  usage.take_prompt("crew", 900, kBegin);
  expect_refused("tokens", seconds(48), [&] { usage.take_prompt("crew", 900, kBegin); });
  usage.took("crew", 900, 800, 0, kBegin);  // they were in memory
  usage.take_prompt("crew", 900, kBegin);
  usage.took("crew", 900, 0, 60, kBegin);  // the answer counts, too
  expect_refused("tokens", seconds(4), [&] { usage.take_prompt("crew", 1, kBegin); });
}

TEST_F(KeyUsageTest, WhatWasNotComputedIsGivenBackAndWhatWasFoundOutLaterIsOwed) {
  usage.take_prompt("crew", 1000, kBegin);
  usage.owe("crew", -1000, kBegin);
  usage.owe("crew", 1500, kBegin);
  expect_refused("tokens", seconds(31), [&] { usage.take_prompt("crew", 1, kBegin); });
}

TEST_F(KeyUsageTest, OthersHaveNoLimit) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_NE(usage.begin("guest", kBegin), nullptr);
    usage.take_prompt("guest", 1'000'000, kBegin);
    EXPECT_EQ(usage.begin("key-1", kBegin), nullptr) << "it has no name";
  }
  EXPECT_THAT(usage.headers_for("guest", api::ErrorShape::openai, kBegin), IsEmpty());
  EXPECT_THAT(usage.headers_for("key-1", api::ErrorShape::openai, kBegin), IsEmpty());
}

TEST_F(KeyUsageTest, AnAnswerSaysWhatIsLeftInTheWordsOfItsApi) {
  (void)usage.begin("crew", kBegin);
  usage.take_prompt("crew", 250, kBegin);
  EXPECT_THAT(
      usage.headers_for("crew", api::ErrorShape::openai, kBegin),
      UnorderedElementsAre(Pair("x-ratelimit-limit-requests", "6"), Pair("x-ratelimit-remaining-requests", "5"),
                           Pair("x-ratelimit-reset-requests", "10s"), Pair("x-ratelimit-limit-tokens", "1000"),
                           Pair("x-ratelimit-remaining-tokens", "750"), Pair("x-ratelimit-reset-tokens", "15s")));
  const auto anthropic = usage.headers_for("crew", api::ErrorShape::anthropic, kBegin);
  EXPECT_THAT(anthropic, Contains(Pair("anthropic-ratelimit-requests-limit", "6")));
  EXPECT_THAT(anthropic, Contains(Pair("anthropic-ratelimit-tokens-remaining", "750")));
  EXPECT_THAT(anthropic, Contains(Pair("anthropic-ratelimit-tokens-reset", testing::MatchesRegex("20.*T.*Z"))));
}

TEST_F(KeyUsageTest, ARequestMayAskForLessThanItsKeyAndNotForMore) {
  EXPECT_EQ(usage.claim_of("crew", {}, 1).priority, 2);
  EXPECT_EQ(usage.claim_of("crew", 1, 1).priority, 1);
  EXPECT_EQ(usage.claim_of("crew", 9, 1).priority, 2);
  const host::Claim claim = usage.claim_of("crew", {}, 7);
  EXPECT_EQ(std::tuple(claim.tenant, claim.weight, claim.cost), std::tuple("crew", 3.0, 7.0));
}

TEST_F(KeyUsageTest, WithoutANameARequestMayOnlyStandBack) {
  EXPECT_TRUE(usage.claim_of("", {}, 1).is_plain());
  EXPECT_TRUE(usage.claim_of("", 5, 1).is_plain());
  EXPECT_EQ(usage.claim_of("", -5, 1).priority, -5);
}

TEST_F(KeyUsageTest, FiguresAreByNameAndNeverShowTheKey) {
  const auto at_work = usage.begin("crew", kBegin);
  usage.took("crew", 100, 40, 7, kBegin);
  usage.take_prompt("crew", 100, kBegin);
  try {
    usage.take_prompt("crew", 5000, kBegin);  // waits for a full minute's
  } catch (const api::Problem&) {             // counted
  }
  EXPECT_THAT(
      usage.to_prometheus(),
      testing::AllOf(HasSubstr("plimsoll_key_requests_at_work{key=\"crew\"} 1\n"),
                     HasSubstr("plimsoll_key_requests_total{key=\"crew\"} 1\n"),
                     HasSubstr("plimsoll_key_prompt_tokens_total{key=\"crew\"} 100\n"),
                     HasSubstr("plimsoll_key_cached_prompt_tokens_total{key=\"crew\"} 40\n"),
                     HasSubstr("plimsoll_key_completion_tokens_total{key=\"crew\"} 7\n"),
                     HasSubstr("plimsoll_key_refused_total{key=\"crew\",limit=\"tokens\"}"), Not(HasSubstr("secret"))));
}

TEST(KeyUsageOfNobodyTest, WithoutNamedKeysThereIsNothing) {
  KeyUsage usage({}, kBegin);
  EXPECT_EQ(usage.to_prometheus(), "");
  EXPECT_EQ(usage.begin("", kBegin), nullptr);
}

}  // namespace
}  // namespace plimsoll::server
