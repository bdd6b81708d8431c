// The promises on a device of the user's choice: PLIMSOLL_TEST_GPU names it. A card's memory is its own, so what its
// driver takes beside the engine's buffers is read from the card's probe, not from this process's pages.
#include <cstdlib>

#include <gtest/gtest.h>

#include <plimsoll/gauge/local_surveys.hpp>
#include <plimsoll/gauge/meter.hpp>

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
  MemoryBooks books;
  const plan::Plan plan = test::plan_of(request_for(GetParam(), 2));
  ASSERT_EQ(plan::computing_devices(plan.models.front().survey), std::vector{device::DeviceId{device_under_test()}});
  auto instance = test::reserve(books, plan);
  instance->load();
  instance->create_context();
  test::expect_holds_what_is_planned(*instance);
}

TEST_P(OnTheDevice, TakesNothingMoreAfterTheSeal) {
  MemoryBooks books;
  plan::Request request = request_for(GetParam(), 2);
  request.survey.outputs = 32;
  auto instance = test::reserve(books, test::plan_of(request));
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

// A card's memory is its own; a device in the host's memory shares it with the CPU's lines.
Bytes required_in_its_memory(const device::DeviceId& device, const plan::Plan& plan) {
  const bool shared = info_of(device, plan).memory_is_hosts;
  Bytes sum;
  for (const plan::DeviceVerdict& verdict : plan.devices) {
    if (verdict.state.info.id == device || (shared && verdict.state.info.memory_is_hosts)) sum += verdict.required;
  }
  return sum;
}

// What the card's probe says of this process, while a model lives and after it. A second life needs no more than was
// measured in the first, and leaves nothing that the first had not.
TEST(OnTheDeviceTest, TheProbeSeesNoMoreThanThePlanAndASecondLifeLeavesNothing) {
  MemoryBooks books;
  const plan::Request request = request_for("llama-dense");
  const device::DeviceId device{device_under_test()};
  test::TemporaryFolder folder;
  plan::Store store(folder / "plimsoll.db");
  gauge::LocalSurveys surveys;
  std::optional<gauge::Meter> meter;
  std::vector<gauge::Meter::Reading> after_life;
  for (int life = 0; life < 3; ++life) {
    const plan::Plan plan = plan::Planner(surveys, store).plan({request});
    if (!meter) meter.emplace(books.probe(), std::vector{info_of(device, plan)});
    const gauge::Meter::Reading before = meter->read();
    {
      auto instance = test::reserve(books, plan);
      make_ready(*instance, {}, &store);
      EXPECT_LE(gauge::growth(before, meter->read()), required_in_its_memory(device, plan))
          << "life " << life << ", " << meter->how();
    }
    EXPECT_TRUE(books.ledger().empty());
    after_life.push_back(meter->read());
  }
  EXPECT_LE(gauge::growth(after_life[1], after_life[2]), workload::kAllowedGrowth) << meter->how();
}

}  // namespace
}  // namespace plimsoll::run
