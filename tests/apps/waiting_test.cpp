#include "waiting.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace plimsoll::app {
namespace {

bool computes(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "plimsoll");
  return may_compute(static_cast<int>(arguments.size()), arguments.data());
}

// A start anew takes some milliseconds: a plan has no threads that wait.
TEST(WaitingTest, OnlyWhatComputesIsStartedAnew) {
  EXPECT_TRUE(computes({"serve", "-m", "a.gguf"}));
  EXPECT_TRUE(computes({"-v", "generate", "-p", "Hello"}));
  EXPECT_FALSE(computes({"plan", "-m", "a.gguf"}));
  EXPECT_FALSE(computes({"--version"}));
  EXPECT_FALSE(computes({}));
}

}  // namespace
}  // namespace plimsoll::app
