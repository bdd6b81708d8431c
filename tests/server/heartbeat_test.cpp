// When a silent stream says that it is alive.
#include "server/heartbeat.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stream_listener.hpp"

namespace plimsoll::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Heartbeat::Time now{};  // the clock of these tests

// Writes each piece's text, and nothing for a piece without.
class PlainWriter final : public api::AnswerWriter {
 public:
  std::string begin(const api::ResponseMeta&) override { return "<"; }
  std::string piece(const api::Piece& piece) override { return piece.text; }
  std::string end_of_choice(const api::ChoiceEnd&) override { return ""; }
  std::string end(const api::Usage&) override { return ">"; }
  std::string failure(const api::Problem&) override { return "!"; }
  api::Json whole(const api::Answer&) override { return {}; }
  [[nodiscard]] std::string heartbeat() const override { return "."; }
};

class StreamListenerTest : public testing::Test {
 protected:
  void SetUp() override { now = {}; }
  StreamListener listener(HeartbeatRule rule = {.interval = seconds(5)}) {
    return {writer, [this](const std::string& events) { return written += events, is_there; }, rule,
            [] { return now; }};
  }
  static void pass(milliseconds time) { now += time; }

  PlainWriter writer;
  std::string written;
  bool is_there = true;
};

TEST_F(StreamListenerTest, SilenceIsNeverLongerThanTheIntervalForWhoLooksEachStep) {
  StreamListener one = listener();
  Heartbeat::Time last = now;
  for (int i = 0; i < 1000; ++i) {
    pass(milliseconds(1 + i * 7 % 2500));
    const std::size_t before = written.size();
    one.nothing_yet();
    if (written.size() > before) last = now;
    EXPECT_LE(now - last, seconds(5));
  }
  EXPECT_EQ(written.find_first_not_of('.'), std::string::npos);
  EXPECT_LE(one.look_every(), milliseconds(2500));
}

TEST_F(StreamListenerTest, WhoeverHearsWordsNeedsNoHeartbeat) {
  StreamListener one = listener();
  for (int i = 0; i < 10; ++i) {
    pass(seconds(2));
    EXPECT_TRUE(one.piece({.text = "a"}));
    one.nothing_yet();
  }
  EXPECT_EQ(written, "aaaaaaaaaa");
}

TEST_F(StreamListenerTest, PiecesOfWhichNothingIsWrittenAreSilence) {
  StreamListener one = listener();
  for (int i = 0; i < 10; ++i) {
    pass(seconds(1));
    EXPECT_TRUE(one.piece({}));
  }
  EXPECT_EQ(written, "...");
}

TEST_F(StreamListenerTest, WithoutAnIntervalThereIsNone) {
  StreamListener one = listener({.interval = milliseconds(0)});
  pass(std::chrono::hours(1));
  one.nothing_yet();
  EXPECT_TRUE(one.piece({}));
  EXPECT_EQ(written, "");
}

TEST_F(StreamListenerTest, AClientThatHasGoneIsNoticed) {
  StreamListener one = listener();
  is_there = false;
  EXPECT_TRUE(one.beat()) << "none was due";
  pass(seconds(5));
  EXPECT_FALSE(one.beat());
}

}  // namespace
}  // namespace plimsoll::server
