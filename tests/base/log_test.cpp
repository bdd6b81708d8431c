#include "base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include <plimsoll/base/error.hpp>
#include <temporary_folder.hpp>
#include "base/clock.hpp"

#include "manual_clock.hpp"

namespace plimsoll {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

class LogTest : public ::testing::Test {
 protected:
  void TearDown() override {
    log::set_sink({});
    log::set_level(log::Level::warn);
  }
};

TEST_F(LogTest, TheSinkReceivesWhatPassesTheLevelAndNothingElse) {
  std::vector<std::string> lines;
  log::set_sink([&](log::Level level, std::string_view component, std::string_view message) {
    lines.push_back(fmt::format("{} {} {}", static_cast<int>(level), component, message));
  });
  log::set_level(log::Level::info);
  log::debug("tracker", "below the level");
  log::info("tracker", "{} of {}", 1, 2);
  log::write(log::Level::error, "engine", "as it is: {}");
  EXPECT_THAT(lines, ElementsAre("2 tracker 1 of 2", "4 engine as it is: {}"));

  log::set_level(log::Level::off);
  log::error("tracker", "never");
  EXPECT_EQ(lines.size(), 2U);
}

TEST_F(LogTest, GoesToStderrAndNeverToStdout) {
  CaptureStdout();
  CaptureStderr();
  log::warn("plan", "a warning");
  log::info("plan", "too quiet to be shown");
  EXPECT_THAT(GetCapturedStderr(), ::testing::AllOf(HasSubstr("plan: a warning"), Not(HasSubstr("too quiet"))));
  EXPECT_EQ(GetCapturedStdout(), "");
}

TEST_F(LogTest, LinesOfSeveralThreadsArriveWholeAndAll) {
  std::vector<std::string> lines;  // the log calls its sink one line at a time
  log::set_sink([&](log::Level, std::string_view, std::string_view message) { lines.emplace_back(message); });
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([] {
        for (int i = 0; i < 250; ++i) log::warn("base", "line");
      });
    }
  }
  EXPECT_THAT(lines, ::testing::AllOf(::testing::SizeIs(1000), ::testing::Each("line")));
}

// The log file stays open for the life of the process, so this runs in a process of its own.
int write_to_a_file(const std::string& path) {
  log::open_file(path);
  log::set_level(log::Level::info);
  log::info("plan", "for the file");
  log::warn("plan", "for both");
  std::exit(0);
}

TEST_F(LogTest, AFileReceivesEverythingAndWarningsStayOnStderr) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "log.txt";
  {
    std::ofstream(path) << "kept\n";
  }
  EXPECT_EXIT(write_to_a_file(path), ::testing::ExitedWithCode(0), "plan: for both");
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  EXPECT_THAT(text, ::testing::AllOf(::testing::StartsWith("kept\n"), HasSubstr("info plan: for the file"),
                                     HasSubstr("warning plan: for both")));
}

// Whoever logs from a destructor, or for the engine's C, must not fail of it.
TEST_F(LogTest, ASinkThatThrowsLosesTheLine) {
  int lines = 0;
  log::set_sink([&](log::Level, std::string_view, std::string_view) {
    if (++lines == 1) throw std::runtime_error("no room");
  });
  EXPECT_NO_THROW(log::error("base", "one"));
  log::error("base", "two");
  EXPECT_EQ(lines, 2);
}

TEST_F(LogTest, AFileThatCannotBeWrittenIsAnIoError) {
  try {
    log::open_file("/proc/no-such-folder/log.txt");
    FAIL() << "opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_THAT(error.what(), HasSubstr("/proc/no-such-folder/log.txt"));
  }
}

TEST(ClockTest, AManualClockStandsStillUntilMoved) {
  test::ManualClock clock;
  const auto start = clock.now();
  EXPECT_EQ(clock.now(), start);
  clock.advance(std::chrono::seconds(90));
  EXPECT_EQ(clock.now() - start, std::chrono::seconds(90));
}

TEST(ClockTest, AStopwatchNeverRunsBackwards) {
  const Stopwatch watch;
  const double first = watch.elapsed_ms();
  EXPECT_GE(first, 0.0);
  EXPECT_GE(watch.elapsed_ms(), first);
}

}  // namespace
}  // namespace plimsoll
