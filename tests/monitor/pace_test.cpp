#include "monitor/pace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitor/monitor.hpp"

#include "scripted_sample.hpp"

namespace plimsoll::monitor {
namespace {

using test::observed;

Sample sample_after(std::chrono::milliseconds time, std::uint64_t generated, std::uint64_t prompts = 0) {
  Observed out = observed();
  out.at += time;
  out.status.models[0].generated += generated;
  out.status.models[0].tokens += generated + prompts;
  return sample_of(out);
}

TEST(PaceTest, AnswersAndPromptsAreToldApart) {
  const Sample before = sample_after({}, 0);
  const Pace pace = rates_between(before, sample_after(std::chrono::milliseconds(500), 20, 300), "chat");
  EXPECT_EQ(pace.tokens_per_second, 40.0);
  EXPECT_EQ(pace.prompt_tokens_per_second, 600.0);
}

TEST(PaceTest, WhatTheSamplesDoNotTellIsUnknown) {
  const Sample before = sample_after({}, 20);
  EXPECT_EQ(rates_between(before, before, "chat"), Pace{});
  EXPECT_EQ(rates_between(before, sample_after(std::chrono::seconds(1), 40), "nobody"), Pace{});
  const Pace begun_anew = rates_between(before, sample_after(std::chrono::seconds(1), 0), "chat");
  EXPECT_FALSE(begun_anew.tokens_per_second);
  EXPECT_FALSE(begun_anew.prompt_tokens_per_second);
  EXPECT_FALSE(mean_first_token_ms(before, before, "chat"));
}

TEST(PaceTest, FirstTokensAreTheMeanOfThoseThatCameBetween) {
  Observed later = observed();
  later.status.models[0].first_tokens += 2;
  later.status.models[0].total_first_token_ms += 300;
  EXPECT_EQ(mean_first_token_ms(sample_of(observed()), sample_of(later), "chat"), 150.0);
}

class PaceOfAMonitorTest : public ::testing::Test {
 protected:
  void at(int seconds, std::uint64_t generated, std::uint64_t first_tokens, double first_token_ms) {
    Observed now = observed();
    now.at += std::chrono::seconds(seconds);
    host::ModelStatus& chat = now.status.models[0];
    chat.generated = chat.tokens = generated;
    chat.first_tokens = first_tokens;
    chat.total_first_token_ms = first_token_ms;
    next = sample_of(now);
    (void)monitor.sample_now();
  }
  [[nodiscard]] Pace pace() const { return monitor.counters().paces["chat"]; }

  memory::Ledger ledger;
  Sample next;
  Monitor monitor{{.take_sample = [this] { return next; }, .thresholds = {}, .ledger = ledger}, {.beat = {}}};
};

TEST_F(PaceOfAMonitorTest, OneSampleTellsNothing) {
  at(0, 10, 1, 50);
  EXPECT_TRUE(monitor.counters().paces.empty());
}

TEST_F(PaceOfAMonitorTest, RatesAreOverTwoSecondsAndFirstTokensOverAMinute) {
  at(0, 0, 0, 0);
  at(10, 100, 1, 400);
  at(40, 100, 2, 600);
  at(41, 100, 2, 600);
  at(42, 160, 2, 600);
  at(43, 200, 2, 600);
  EXPECT_EQ(pace().tokens_per_second, 50.0);  // since second 41
  EXPECT_EQ(pace().first_token_ms, 300.0);    // of both
  at(90, 200, 3, 700);
  EXPECT_EQ(pace().tokens_per_second, 0.0);
  EXPECT_EQ(pace().first_token_ms,
            100.0);  // those before second 30 are forgotten: the sample of second 40 is the first
  at(160, 200, 3, 700);
  EXPECT_FALSE(pace().first_token_ms);  // nothing came within a minute
}

}  // namespace
}  // namespace plimsoll::monitor
