// LoRAs and control vectors as part of the plan, and switched after the seal without taking anything.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "run/open.hpp"

#include "expect_error.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::run {
namespace {

using test::expect_error;

auto by_place(const plan::Entry& entry) { return std::tuple(entry.device, entry.buffer, entry.stage); }

class PlannedAdaptersTest : public testing::Test {
 protected:
  std::string lora(const char* name, std::uint32_t rank) {
    return folder_.write(
        name, test::tiny_lora("llama", {.layers = 2, .width_in = 256, .width_out = 256, .rank = rank}).bytes());
  }
  std::string steering(const char* name, float value) {
    test::TinyGguf gguf;
    gguf.text("general.architecture", "controlvector").tensor("direction.1", {256}, {value, -value, 0});
    return folder_.write(name, gguf.bytes());
  }
  plan::Request request() {
    plan::Request request = test::small_request("llama-dense", "CPU");
    request.dry_run.adapters = {{.path = lora("a.gguf", 4), .scale = 1}, {.path = lora("b.gguf", 8), .scale = 0.5F}};
    request.dry_run.control_vector = {.files = {{.path = steering("c.gguf", 0.5F), .scale = 1}}};
    return request;
  }
  static std::vector<float> logits(Instance& instance) {
    instance.context().clear();
    engine::Batch batch;
    batch.add_prompt(std::vector<engine::Token>{1, 2, 3, 4, 5, 6, 7}, 0, 0);
    if (instance.decode(batch) != engine::DecodeStatus::ok) throw std::runtime_error("not decoded");
    const auto row = instance.context().logits(-1);
    return {row.begin(), row.end()};
  }

  test::TemporaryFolder folder_;
};

TEST_F(PlannedAdaptersTest, AreTakenAsTheyWerePlanned) {
  MemoryAccounting accounting;
  const plan::Plan plan = test::plan_of(request());
  const auto instance = test::reserve(accounting, plan);
  instance->load();
  instance->create_context();
  (void)instance->warm_up({.depth = WarmUpDepth::full});
  auto planned = plan.models.front().entries;
  auto taken = instance->snapshot();
  const auto is_runtime = [](const plan::Entry& entry) { return entry.stage == memory::Stage::runtime; };
  std::erase_if(planned, is_runtime);
  std::erase_if(taken, is_runtime);
  std::ranges::sort(planned, {}, by_place);
  std::ranges::sort(taken, {}, by_place);
  EXPECT_EQ(planned, taken);
  Bytes adapters;
  for (const plan::Entry& entry : planned) {
    if (entry.stage == memory::Stage::adapter) adapters += entry.bytes;
  }
  plan::Request without = request();
  without.dry_run.control_vector = {};
  Bytes loras;
  for (const plan::Entry& entry : test::plan_of(without).models.front().entries) {
    if (entry.stage == memory::Stage::adapter) loras += entry.bytes;
  }
  EXPECT_GT(loras, Bytes{});
  EXPECT_GT(adapters, loras) << "the control vector is a part of the plan";
}

TEST_F(PlannedAdaptersTest, AreSwitchedAfterTheSealWithinTheReservation) {
  MemoryAccounting accounting;
  const auto instance = test::ready(accounting, request());
  const LedgerSnapshot before = instance->snapshot();
  const std::vector<float> both = logits(*instance);
  const auto with = [&](float first, float second) {
    instance->set_adapter_scales(std::vector<float>{first, second});
    return logits(*instance);
  };
  const auto first = with(1, 0);
  const auto second = with(0, 0.5F);
  const auto neither = with(0, 0);
  EXPECT_NE(first, both);
  EXPECT_NE(second, both);
  EXPECT_NE(first, second);
  EXPECT_NE(neither, first);
  EXPECT_EQ(with(1, 0.5F), both);

  // The engine takes its compute buffers anew, of the same size: that is no violation.
  EXPECT_EQ(instance->seal_counts().refused_after_seal, 0U);
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
  LedgerSnapshot after = instance->snapshot();
  LedgerSnapshot expected = before;
  std::ranges::sort(after, {}, by_place);
  std::ranges::sort(expected, {}, by_place);
  EXPECT_EQ(after, expected);
  EXPECT_EQ(logits(*instance), both);
}

TEST_F(PlannedAdaptersTest, AnotherNumberOfScalesIsRefused) {
  MemoryAccounting accounting;
  const auto instance = test::ready(accounting, request());
  expect_error(ErrorCode::usage, "2 adapters", [&] { instance->set_adapter_scales(std::vector<float>{1}); });
}

}  // namespace
}  // namespace plimsoll::run
