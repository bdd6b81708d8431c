#include <gtest/gtest.h>

#include <expect_error.hpp>

#include <plimsoll/engine/params.hpp>

namespace plimsoll::engine {
namespace {

TEST(SplitModeTest, TensorsSplitOverDevicesEndTheProcessWhereOneRefusesAndAreNotTaken) {
  ModelParams split;
  split.path = "a.gguf";
  split.split_mode = SplitMode::tensor;
  test::expect_error(ErrorCode::unsupported, "cannot be planned", [&] { validate(split); });
}

TEST(SplitModeTest, WhatIsListedIsTakenAndWhatIsRefusedIsNotListed) {
  for (const char* name : {"none", "layer", "row"}) EXPECT_TRUE(split_mode_from_string(name)) << name;
  EXPECT_EQ(split_mode_from_string("tensor"), SplitMode::tensor) << "known, so that the reason is said";
  EXPECT_FALSE(split_mode_from_string("rows"));
}

}  // namespace
}  // namespace plimsoll::engine
