// A model that cannot be used beside others that can.
#include <gtest/gtest.h>

#include <temporary_folder.hpp>

#include "plan/planner.hpp"

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

// Dry runs every file but those whose name says what they throw.
class Shelf final : public dry_run::DryRunSource {
 public:
  dry_run::DryRun dry_run(const dry_run::DryRunRequest& request) override {
    if (request.model.path.contains("damaged")) throw Error(ErrorCode::model_unusable, "it is damaged");
    if (request.model.path.contains("bug")) throw Error(ErrorCode::internal, "a promise of our own was broken");
    return gpu_dry_run();
  }
  std::vector<dry_run::DeviceView> devices() override {
    dry_run::DeviceView view;
    view.info.id = kGpu;
    view.info.type = device::DeviceType::gpu;
    view.reading.total = view.reading.free = 8_GiB;
    return {view};
  }
};

class UnusableTest : public testing::Test {
 protected:
  Plan plan(const std::vector<Request>& requests, bool skip) {
    PlannerOptions options;
    options.skip_unusable = skip;
    return planner_.plan(requests, options);
  }
  test::TemporaryFolder folder_;
  Store store_{folder_ / "plimsoll.db"};
  Shelf shelf_;
  Planner planner_{shelf_, store_};
};

TEST_F(UnusableTest, IsAnAnswerWhereThatIsAskedForAndTakesNothing) {
  const Plan made = plan({request("a"), request("damaged"), request("b")}, true);
  ASSERT_EQ(made.models.size(), 3U);
  EXPECT_FALSE(made.models[0].unusable);
  EXPECT_FALSE(made.models[2].unusable);
  ASSERT_TRUE(made.models[1].unusable);
  EXPECT_EQ(made.models[1].name, "damaged");
  EXPECT_STREQ(made.models[1].unusable->what(), "it is damaged");
  EXPECT_TRUE(made.models[1].entries.empty());
  EXPECT_EQ(made.devices[0].required, plan({request("a"), request("b")}, false).devices[0].required);
}

TEST_F(UnusableTest, ElseItIsThrown) { EXPECT_THROW((void)plan({request("a"), request("damaged")}, false), Error); }

TEST_F(UnusableTest, WhatIsAboutNoModelIsThrownAllTheSame) {
  EXPECT_THROW((void)plan({request("a"), request("bug")}, true), Error);
}

}  // namespace
}  // namespace plimsoll::plan
