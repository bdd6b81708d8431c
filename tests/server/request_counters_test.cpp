#include "request_counters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::server {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TokenTimes tokens_after(std::initializer_list<int> ms) {
  const TokenTimes::Moment asked{};
  TokenTimes out(asked);
  TokenTimes::LastToken last;
  for (const int one : ms) out.token(last, asked + milliseconds(one));
  return out;
}

TEST(RequestCountersTest, TimesOfTokensAreByModelAndOfAnswersThatBrokeOffToo) {
  RequestCounters counters;
  counters.text("a", {}, tokens_after({500, 625, 750}), true);
  counters.text("a", {}, tokens_after({250, 375}), false);
  counters.text("b", {}, tokens_after({}), true);  // an answer of no token at all has no first one
  EXPECT_THAT(counters.to_prometheus(),
              AllOf(HasSubstr("plimsoll_time_to_first_token_seconds_bucket{model=\"a\",le=\"0.25\"} 1\n"),
                    HasSubstr("plimsoll_time_to_first_token_seconds_bucket{model=\"a\",le=\"0.5\"} 2\n"),
                    HasSubstr("plimsoll_time_to_first_token_seconds_sum{model=\"a\"} 0.75\n"),
                    HasSubstr("plimsoll_time_to_first_token_seconds_count{model=\"a\"} 2\n"),
                    HasSubstr("plimsoll_time_to_first_token_seconds_count{model=\"b\"} 0\n"),
                    HasSubstr("plimsoll_inter_token_latency_seconds_sum{model=\"a\"} 0.375\n"),
                    HasSubstr("plimsoll_inter_token_latency_seconds_count{model=\"a\"} 3\n"),
                    HasSubstr("plimsoll_answers_total{model=\"a\"} 1\n")));
  EXPECT_THAT(counters.to_prometheus(), Not(HasSubstr("plimsoll_first_token_seconds")));
}

}  // namespace
}  // namespace plimsoll::server
