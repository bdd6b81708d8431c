#include "answer_end.hpp"

#include <gtest/gtest.h>

namespace plimsoll::server {
namespace {

using std::chrono::milliseconds;
const AnswerEnd::Time kNow{milliseconds(1000)};

TEST(AnswerEndTest, AtANamedToken) {
  AnswerEnd end({}, {7, 9}, std::nullopt);
  end.token(1, kNow);
  EXPECT_FALSE(end.stop().stop_requested());
  end.token(9, kNow);
  EXPECT_TRUE(end.stop().stop_requested());
  EXPECT_EQ(end.why(), AnswerEnd::Why::token);
}

TEST(AnswerEndTest, AfterATimeFromTheFirstTokenOn) {
  AnswerEnd end({}, {}, milliseconds(10));
  end.token(1, kNow);
  end.token(1, kNow + milliseconds(9));
  EXPECT_EQ(end.why(), AnswerEnd::Why::nothing);
  end.token(1, kNow + milliseconds(10));
  EXPECT_EQ(end.why(), AnswerEnd::Why::time);
}

TEST(AnswerEndTest, AClientThatGoesIsNoEnd) {
  std::stop_source client;
  AnswerEnd end(client.get_token(), {}, std::nullopt);
  client.request_stop();
  EXPECT_TRUE(end.stop().stop_requested());
  EXPECT_EQ(end.why(), AnswerEnd::Why::nothing);
}

}  // namespace
}  // namespace plimsoll::server
