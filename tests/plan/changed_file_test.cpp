// A file that changes while it is asked about.
#include <gtest/gtest.h>

#include <functional>
#include <temporary_folder.hpp>

#include "dry_run/request_files.hpp"
#include "plan/planner.hpp"

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

// Answers what the file's length says; something may happen to the file before the answer is there.
class SlowDryRuns final : public dry_run::DryRunSource {
 public:
  dry_run::DryRun dry_run(const dry_run::DryRunRequest& request) override {
    ++asked;
    dry_run::DryRun answer = gpu_dry_run();
    answer.model.n_params = std::filesystem::file_size(request.model.path);
    if (meanwhile) std::exchange(meanwhile, {})();
    return answer;
  }
  std::vector<dry_run::DeviceView> devices() override {
    dry_run::DeviceView view;
    view.info.id = kGpu;
    view.info.type = device::DeviceType::gpu;
    view.reading.total = view.reading.free = 8_GiB;
    return {view};
  }
  std::function<void()> meanwhile;
  int asked = 0;
};

class ChangedFileTest : public testing::Test {
 protected:
  ChangedFileTest() { request_.dry_run.model.path = folder_.write("model.gguf", "old"); }
  ModelPlan plan() { return Planner(dry_runs_, store_).plan({request_}).models.front(); }
  void download() { (void)folder_.write("model.gguf", "a newer one"); }

  test::TemporaryFolder folder_;
  Store store_{folder_ / "plimsoll.db"};
  SlowDryRuns dry_runs_;
  Request request_ = request("a");
};

TEST_F(ChangedFileTest, WhatWasAskedAboutTheOldOneIsNotRememberedOfTheNewOne) {
  dry_runs_.meanwhile = [&] { download(); };
  EXPECT_EQ(plan().dry_run.model.n_params, 3U);
  EXPECT_EQ(plan().dry_run.model.n_params, 11U);
  EXPECT_EQ(plan().dry_run.model.n_params, 11U);
  EXPECT_EQ(dry_runs_.asked, 2) << "the third is remembered";
}

TEST_F(ChangedFileTest, APlanNamesTheFilesThatItIsOf) {
  const std::string before = dry_run::files_of(request_.dry_run);
  dry_runs_.meanwhile = [&] { download(); };
  EXPECT_EQ(plan().files, before);
  EXPECT_EQ(plan().files, dry_run::files_of(request_.dry_run));
  EXPECT_NE(plan().files, before);
}

TEST_F(ChangedFileTest, SoDoesAPlanOfWhatCannotBeUsed) {
  const std::string before = dry_run::files_of(request_.dry_run);
  dry_runs_.meanwhile = [&] {
    download();
    throw Error(ErrorCode::model_unusable, "it is damaged");
  };
  PlannerOptions options;
  options.skip_unusable = true;
  const ModelPlan plan = Planner(dry_runs_, store_).plan({request_}, options).models.front();
  ASSERT_TRUE(plan.unusable);
  EXPECT_EQ(plan.files, before);
}

}  // namespace
}  // namespace plimsoll::plan
