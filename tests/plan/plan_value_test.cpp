#include <gtest/gtest.h>

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

TEST(PlanValueTest, EqualsItsCopyAndNoOther) {
  Plan plan;
  plan.models = {lay_out(request(), gpu_dry_run(), {{kGpu, {.bytes = 200_MiB}}})};
  plan.devices.push_back({.state = {}, .required = 1_GiB, .short_by = {}, .limit = {}});
  Plan other = plan;
  EXPECT_EQ(other, plan);
  other.models[0].unusable = Error(ErrorCode::model_unusable, "damaged");
  EXPECT_NE(other, plan);
  plan.models[0].unusable = Error(ErrorCode::model_unusable, "damaged");
  EXPECT_EQ(other, plan);
  other.devices[0].short_by = 1_MiB;
  EXPECT_NE(other, plan);
  other = plan;
  other.models[0].dry_run.entries[0].bytes += 1_B;
  EXPECT_NE(other, plan);
  other = plan;
  other.models[0].request.context.type_k = engine::CacheType::q8_0;
  EXPECT_NE(other, plan);
}

}  // namespace
}  // namespace plimsoll::plan
