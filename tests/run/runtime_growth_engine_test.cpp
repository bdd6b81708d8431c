// Whatever else the program allocates while a model is made ready is not remembered as that model's.
#include <gtest/gtest.h>

#include <cstring>

#include "run/open.hpp"

#include "small_models.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

constexpr Bytes kElse{std::uint64_t{79} << 20U};

class RuntimeGrowthEngineTest : public ::testing::Test {
 protected:
  // Made ready while something of kElse is allocated and touched beside it. Gives its runtime as charged.
  Bytes life() {
    const plan::Plan plan = test::plan_of(test::small_request("llama-dense", "CPU"));
    const plan::ModelPlan& model = plan.models.front();
    planned = std::ranges::find(model.entries, memory::Stage::runtime, &plan::Entry::stage)->bytes;
    const auto host = std::ranges::find_if(plan.devices, [](const auto& one) { return one.state.info.id.is_host(); });
    key = plan::runtime_key({.info = host->state.info, .reading = host->state.reading}, model.dry_run);
    auto instance = test::reserve(accounting, plan);
    instance->load();
    std::vector<char> others(kElse.value());
    std::memset(others.data(), 1, others.size());
    instance->create_context();
    (void)instance->warm_up({}, &store);
    EXPECT_EQ(others.back(), 1);
    const Instance::Runtime charged = instance->runtime();
    return charged.empty() ? 0_B : charged.front().taken;
  }

  MemoryAccounting accounting;
  test::TemporaryFolder folder;
  plan::Store store{folder / "plimsoll.db"};
  std::string key;
  Bytes planned;
};

// Under a sanitizer nothing of a process is measured, so nothing is measured wrongly either.
TEST_F(RuntimeGrowthEngineTest, IsNeitherRememberedNorChargedAsTheModels) {
  const Bytes charged = life();
  ASSERT_LT(planned, kElse);
  EXPECT_LE(store.find_runtime(key).value_or(0_B), planned);
  EXPECT_LE(charged, planned);
}

}  // namespace
}  // namespace plimsoll::run
