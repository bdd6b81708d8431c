// How old a reading may be that decides.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include <temporary_folder.hpp>

#include "broker/machine_ledger.hpp"
#include "device/memory_key.hpp"
#include "plan/planner.hpp"

#include "manual_clock.hpp"
#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

// A device whose free memory is what the test says, and dry runs that take their time.
class Machine final : public dry_run::DryRunSource {
 public:
  dry_run::DryRun dry_run(const dry_run::DryRunRequest&) override {
    clock.advance(dry_run_takes);
    free = after_dry_run;
    return gpu_dry_run();
  }
  std::vector<dry_run::DeviceView> devices() override {
    ++read;
    dry_run::DeviceView view;
    view.info.id = kGpu;
    view.info.type = device::DeviceType::gpu;
    view.info.pci_id = "0000:c1:00.0";
    view.reading.total = 8_GiB;
    view.reading.free = free;
    return {view};
  }
  test::ManualClock clock;
  Bytes free = 8_GiB;
  Bytes after_dry_run = 8_GiB;
  std::chrono::milliseconds dry_run_takes{1};
  int read = 0;
};

class ReadingsTest : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  Store store_{folder_ / "plimsoll.db"};
  Machine machine_;
  Planner planner_{machine_, store_, machine_.clock};
};

TEST_F(ReadingsTest, ServeForAMoment) {
  (void)planner_.devices();
  machine_.clock.advance(std::chrono::seconds(1));
  (void)planner_.devices();
  EXPECT_EQ(machine_.read, 1);
  machine_.clock.advance(std::chrono::seconds(2));
  (void)planner_.devices();
  EXPECT_EQ(machine_.read, 2);
}

TEST_F(ReadingsTest, ADeviceThatFilledUpMeanwhileIsNotPlannedWith) {
  EXPECT_TRUE(planner_.plan({request()}).fits());
  machine_.free = machine_.after_dry_run = 100_MiB;
  machine_.clock.advance(std::chrono::seconds(3));
  EXPECT_FALSE(planner_.plan({request()}, {.budgets = {}, .ours = {}, .alternatives = false}).fits());
}

TEST_F(ReadingsTest, WhereDryRunsTookLongerTheDeviceIsReadAgainBeforeItIsJudged) {
  machine_.dry_run_takes = std::chrono::seconds(3);
  machine_.after_dry_run = 100_MiB;
  EXPECT_FALSE(planner_.plan({request()}, {.budgets = {}, .ours = {}, .alternatives = false}).fits());
}

// Each takes 25 s, and none of them helps.
TEST_F(ReadingsTest, TheSearchForAlternativesEndsWhereDryRunsTakeLong) {
  machine_.dry_run_takes = std::chrono::seconds(25);
  machine_.free = machine_.after_dry_run = 800_MiB;  // enough for weights and cache
  EXPECT_TRUE(planner_.plan({request()}).alternatives.empty());
  EXPECT_LE(planner_.dry_runs_made(), 1 + 3);
  EXPECT_GE(planner_.dry_runs_made(), 1 + 2);
}

// What others have taken is missing from what is free already: it is not promised to them as well.
class ReadingsBesideOthersTest : public ReadingsTest {
 protected:
  ReadingsBesideOthersTest() {
    const broker::AccountId account = other_->account(device::memory_key(machine_.devices().front().info));
    EXPECT_TRUE(other_->reserve({}, std::vector<broker::Want>{{.account = account, .more = 5_GiB}}));
    other_->placed(account, 5_GiB);
    machine_.free = machine_.after_dry_run = 3_GiB;
  }
  [[nodiscard]] Plan plan() {
    return planner_.plan({request()}, {.budgets = {}, .ours = {}, .alternatives = false, .machine = here_.get()});
  }

  std::unique_ptr<broker::MachineLedger> other_ = broker::MachineLedger::open({.program = "a", .path = folder_ / "x"});
  std::unique_ptr<broker::MachineLedger> here_ = broker::MachineLedger::open({.program = "b", .path = folder_ / "x"});
};

TEST_F(ReadingsBesideOthersTest, OfAReadingThatALongDryRunMadeOldTheLedgerIsLookedAtAgain) {
  machine_.dry_run_takes = std::chrono::seconds(3);
  const Plan made = plan();
  EXPECT_EQ(made.devices.front().state.promised_to_others, 0_B);
  EXPECT_TRUE(made.fits());
}

TEST_F(ReadingsBesideOthersTest, AReadingThatWasTakenWithoutTheLedgerDoesNotServe) {
  (void)planner_.devices();
  const Plan made = plan();
  EXPECT_EQ(made.devices.front().state.promised_to_others, 0_B);
  EXPECT_TRUE(made.fits());
}

}  // namespace
}  // namespace plimsoll::plan
