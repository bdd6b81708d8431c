#include "near_name.hpp"

#include <gtest/gtest.h>

namespace plimsoll::app {
namespace {

const std::vector<std::string> kNames{"plan", "generate", "chat", "serve", "quantize", "top"};

TEST(NearNameTest, FindsWhatWasMeant) {
  EXPECT_EQ(near_name("genrate", kNames), "generate");
  EXPECT_EQ(near_name("generatee", kNames), "generate");
  EXPECT_EQ(near_name("gneerate", kNames), "generate");
  EXPECT_EQ(near_name("paln", kNames), "plan");
  EXPECT_EQ(near_name("server", kNames), "serve");
  EXPECT_EQ(near_name("quant", kNames), "quantize");
  EXPECT_EQ(near_name("tp", kNames), "top");
}

TEST(NearNameTest, KnowsWhatOtherProgramsCallASubcommand) {
  EXPECT_EQ(same_elsewhere("run"), "chat");
  EXPECT_EQ(same_elsewhere("ls"), "ps");
  EXPECT_EQ(same_elsewhere("fly"), "");
}

TEST(NearNameTest, FindsNothingWhereNothingIsNear) {
  EXPECT_EQ(near_name("run", kNames), "");
  EXPECT_EQ(near_name("x", kNames), "");
  EXPECT_EQ(near_name("models/a.gguf", kNames), "");
  EXPECT_EQ(near_name("plan", {}), "");
}

}  // namespace
}  // namespace plimsoll::app
