// Which weights stay in host memory, and who leaves: by sizes alone, without an engine.
#include "kept_models.hpp"

#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

KeptModels::Entry copy(Bytes size) { return {.copy = {}, .model = {}, .size = size}; }

// Made room for, as the host does it.
bool keep(KeptModels& kept, const std::string& name, Bytes size) {
  if (!kept.make_room(size)) return false;
  kept.keep(name, copy(size));
  return true;
}

TEST(KeptModelsTest, TheLongestUnusedLeaveForTheBudget) {
  KeptModels kept(10_MiB);
  ASSERT_TRUE(keep(kept, "a", 4_MiB));
  ASSERT_TRUE(keep(kept, "b", 4_MiB));
  (void)kept.copy_of("a");  // used
  ASSERT_TRUE(keep(kept, "c", 4_MiB));
  EXPECT_EQ(kept.held().all(), 8_MiB);
  EXPECT_EQ(kept.give_way(1_B, "c"), 4_MiB);  // a was there, b was not
  kept.forget("c");
  EXPECT_EQ(kept.held().all(), 0_B);
}

TEST(KeptModelsTest, WhatIsMoreThanTheBudgetDisplacesNobody) {
  KeptModels kept(10_MiB);
  ASSERT_TRUE(keep(kept, "a", 4_MiB));
  EXPECT_FALSE(keep(kept, "b", 11_MiB));
  EXPECT_EQ(kept.held().all(), 4_MiB);
}

TEST(KeptModelsTest, WithoutABudgetNothingIsKept) {
  KeptModels kept(0_B);
  EXPECT_FALSE(kept.is_on());
  EXPECT_FALSE(keep(kept, "a", 1_B));
}

TEST(KeptModelsTest, NoMoreLeavesThanIsNeededAndTheNewcomersOwnStays) {
  KeptModels kept(100_MiB);
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(keep(kept, name, 10_MiB));
  EXPECT_EQ(kept.give_way(5_MiB, "a"), 10_MiB);
  EXPECT_EQ(kept.give_way(50_MiB, "a"), 10_MiB);
  EXPECT_EQ(kept.give_way(50_MiB, "a"), 0_B);
  EXPECT_EQ(kept.held().copies, 10_MiB);
}

TEST(KeptModelsTest, WhatIsKeptAnewTakesThePlaceOfWhatWasKept) {
  KeptModels kept(10_MiB);
  ASSERT_TRUE(keep(kept, "a", 4_MiB));
  kept.keep("a", copy(6_MiB));
  EXPECT_EQ(kept.held().all(), 6_MiB);
  kept.clear();
  EXPECT_EQ(kept.held().all(), 0_B);
  EXPECT_EQ(kept.copy_of("a"), nullptr);
  EXPECT_EQ(kept.take_model("a"), nullptr);
  EXPECT_EQ(kept.size_of_model("a"), 0_B);
}

}  // namespace
}  // namespace plimsoll::host
