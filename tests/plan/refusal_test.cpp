#include "plan/refusal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

using memory::Stage;
using testing::HasSubstr;
using testing::Not;

const ModelPlan kModel = model_of({buffer(kGpu, Stage::weights, 4_GiB)});

std::vector<DeviceVerdict> verdicts(Bytes free, std::optional<Bytes> budget, Bytes ours = {}) {
  return admit({kModel}, {state_of(kGpu, 8_GiB, free, budget, ours)});
}

TEST(RefusalTest, AShortBudgetIsOursWhateverIsFree) {
  EXPECT_EQ(refusal_of(verdicts(8_GiB, 3_GiB)), Refusal::over_budget);
  EXPECT_EQ(refusal_of(verdicts(1_GiB, 3_GiB)), Refusal::over_budget) << "more is missing in what is free";
  const Error error = refused("'a' does not fit", verdicts(1_GiB, 3_GiB));
  EXPECT_EQ(error.code(), ErrorCode::over_budget);
  EXPECT_THAT(error.what(), Not(HasSubstr("others")));
}

TEST(RefusalTest, WhatOthersHoldIsNotOurBudget) {
  const auto no = verdicts(1_GiB, 7_GiB, 2_GiB);
  EXPECT_EQ(refusal_of(no), Refusal::out_of_device_memory);
  EXPECT_EQ(held_by_others(no.front().state), 5_GiB);
  const Error error = refused("'a' does not fit", no);
  EXPECT_EQ(error.code(), ErrorCode::out_of_device_memory);
  EXPECT_THAT(error.what(),
              HasSubstr("'a' does not fit: 4.00 GiB needed on Vulkan0, 3.00 GiB too much (free): 5.00 GiB"));
  EXPECT_EQ(error.numbers(), (Error::Numbers{{"needed", (4_GiB).value()},
                                             {"available", (1_GiB).value()},
                                             {"short_by", (3_GiB).value()},
                                             {"held_by_others", (5_GiB).value()}}));
}

TEST(RefusalTest, TheHostsMemoryIsNoBudgetEither) {
  const auto no = admit(
      {kModel}, {state_of(kGpu, 8_GiB, std::nullopt, 7_GiB, {}, true), state_of(kHost, 8_GiB, 3_GiB, std::nullopt)});
  EXPECT_EQ(refusal_of(no), Refusal::out_of_device_memory);
}

TEST(RefusalTest, WhatFitsIsNone) { EXPECT_EQ(refusal_of(verdicts(8_GiB, 7_GiB)), Refusal::none); }

TEST(RefusalTest, WhatIsUnknownIsNotSaid) { EXPECT_FALSE(held_by_others(state_of(kGpu, std::nullopt, 1_GiB, 3_GiB))); }

}  // namespace
}  // namespace plimsoll::plan
