// The promises on a device of the user's choice: PLIMSOLL_TEST_GPU names it. A card's memory is its own, so what its
// driver takes beside the engine's buffers is read from the card, past our own probes and meter.
#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "device/registry.hpp"
#include "dry_run/dry_run_process.hpp"
#include "dry_run/local_dry_runs.hpp"
#include "engine/backend.hpp"

#include "card_from_outside.hpp"
#include "find_device.hpp"
#include "mixed_workload.hpp"
#include "refuse_each.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

std::string device_under_test() {
  const char* name = std::getenv("PLIMSOLL_TEST_GPU");
  if (name == nullptr) throw std::runtime_error("PLIMSOLL_TEST_GPU must name a device of `plimsoll devices`");
  return name;
}

plan::Request request_for(const std::string& model, std::uint32_t sequences = 1) {
  return test::small_request(model, device_under_test(), sequences);
}

class OnTheDevice : public ::testing::TestWithParam<const char*> {};

TEST_P(OnTheDevice, TakesWhatThePlanSays) {
  MemoryAccounting accounting;
  const plan::Plan plan = test::plan_of(request_for(GetParam(), 2));
  ASSERT_EQ(plan::computing_devices(plan.models.front().dry_run), std::vector{device::DeviceId{device_under_test()}});
  auto instance = test::reserve(accounting, plan);
  instance->load();
  instance->create_context();
  test::expect_holds_what_is_planned(*instance);
}

TEST_P(OnTheDevice, TakesNothingMoreAfterTheSeal) {
  MemoryAccounting accounting;
  plan::Request request = request_for(GetParam(), 2);
  request.dry_run.context.n_outputs_max = 32;
  auto instance = test::reserve(accounting, test::plan_of(request));
  make_ready(*instance, {}, nullptr);
  ASSERT_TRUE(instance->warm_up_report().complete());

  const workload::MixedFigures figures = workload::run_mixed(*instance, {.decodes = 300});

  EXPECT_GE(figures.decodes, 300);
  for (const std::string& violation : figures.violations()) ADD_FAILURE() << violation;
}

TEST_P(OnTheDevice, EveryRefusalIsSurvivedAndTyped) {
  EXPECT_GE(test::refuse_each(GetParam(), device_under_test()), 4);  // weights, cache, compute and output at least
}

INSTANTIATE_TEST_SUITE_P(Architectures, OnTheDevice,
                         ::testing::Values("llama-dense", "gemma3-dense", "jamba-dense", "mamba-dense", "olmoe-moe"));

device::DeviceInfo info_of(const device::DeviceId& device, const plan::Plan& plan) {
  for (const plan::DeviceVerdict& verdict : plan.devices) {
    if (verdict.state.info.id == device) return verdict.state.info;
  }
  throw std::runtime_error("the plan does not name " + device.name());
}

// A card's memory is its own; a device in the host's memory shares it with the CPU's entries.
Bytes required_in_its_memory(const device::DeviceId& device, const plan::Plan& plan) {
  const bool shared = info_of(device, plan).memory_is_hosts;
  Bytes sum;
  for (const plan::DeviceVerdict& verdict : plan.devices) {
    if (verdict.state.info.id == device || (shared && verdict.state.info.memory_is_hosts)) sum += verdict.required;
  }
  return sum;
}

// Within one hundredth, and what a driver rounds up to.
Bytes tolerance(Bytes bytes) { return std::max(Bytes{bytes.value() / 100}, 4_MiB); }

// The card from outside, since before this process had anything on it: at ready it has grown by what the accounting
// say, and in later lives by what the plan said. Both would pass were both wrong in the same way, so nothing here is
// read by the probes or the meter. Nobody else may use the card meanwhile.
TEST(OnTheDeviceTest, TheCardGrowsByWhatTheAccountingAndTheNextPlanSay) {
  engine::start_backends();
  const auto info = test::find_device(device_under_test());
  ASSERT_TRUE(info);
  const test::CardFromOutside card(*info);
  const Bytes idle = card.used();
  MemoryAccounting accounting;
  test::TemporaryFolder folder;
  plan::Store store(folder / "plimsoll.db");
  dry_run::LocalDryRuns dry_runs;
  const plan::Request request = request_for("llama-dense");
  std::vector<Bytes> after_life;
  for (int life = 0; life < 3; ++life) {
    const plan::Plan plan = plan::Planner(dry_runs, store).plan({request});
    {
      auto instance = test::reserve(accounting, plan);
      make_ready(*instance, {}, &store);
      const Bytes grown = saturating_sub(card.used(), idle);
      const Bytes required = required_in_its_memory(info->id, plan);
      SCOPED_TRACE(fmt::format("life {}: grown {}, charged {}, required {}; read by {}", life, format_bytes(grown),
                               format_bytes(accounting.ledger().taken_on(info->id)), format_bytes(required),
                               instance->how_growth_is_read()));
      if (!info->memory_is_hosts) {
        EXPECT_LE(saturating_sub(grown, accounting.ledger().taken_on(info->id)), tolerance(grown));
        EXPECT_LE(saturating_sub(accounting.ledger().taken_on(info->id), grown), tolerance(grown));
      }
      // The first plan may have guessed. Of host memory the program takes some for itself.
      if (life > 0 && !info->memory_is_hosts) {
        EXPECT_LE(saturating_sub(grown, required), tolerance(grown));
        EXPECT_LE(saturating_sub(required, grown), tolerance(grown));
      }
    }
    EXPECT_TRUE(accounting.ledger().empty());
    after_life.push_back(card.used());
  }
  EXPECT_LE(saturating_sub(after_life[2], after_life[1]), workload::kAllowedGrowth);
}

constexpr Bytes kAlmostNothing = 8_MiB;

TEST(OnTheDeviceTest, LookingCostsNothing) {
  engine::start_backends();
  const auto info = test::find_device(device_under_test());
  ASSERT_TRUE(info);
  const test::CardFromOutside card(*info);
  const Bytes idle = card.used();
  dry_run::LocalDryRuns dry_runs;
  for (int look = 0; look < 3; ++look) ASSERT_FALSE(dry_runs.devices().empty());
  EXPECT_LE(saturating_sub(card.used(), idle), kAlmostNothing);
}

// A dry run makes a context in its process, which is gone when that rests. What was read as free was read without it.
TEST(OnTheDeviceTest, ADryRunLeavesNothingOnTheCard) {
  dry_run::DryRunProcess dry_runs;
  const auto views = dry_runs.devices();
  const auto view = std::ranges::find(views, device::DeviceId{device_under_test()},
                                      [](const dry_run::DeviceView& one) { return one.info.id; });
  ASSERT_NE(view, views.end());
  const test::CardFromOutside card(view->info);
  const Bytes idle = card.used();
  (void)dry_runs.dry_run(request_for("llama-dense").dry_run);
  for (const dry_run::DeviceView& later : dry_runs.devices()) {
    if (later.info.id == view->info.id && !later.info.memory_is_hosts && later.reading.free) {
      EXPECT_LE(saturating_sub(*view->reading.free, *later.reading.free), kAlmostNothing);
    }
  }
  dry_runs.rest();
  EXPECT_LE(saturating_sub(card.used(), idle), kAlmostNothing);
}

}  // namespace
}  // namespace plimsoll::run
