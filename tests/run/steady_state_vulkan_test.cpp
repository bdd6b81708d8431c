// A sealed model takes nothing more on a device either, whose backend compiles and allocates what no hook sees.
#include <gtest/gtest.h>

#include <plimsoll/run/open.hpp>

#include "mixed_workload.hpp"

namespace plimsoll {
namespace {

TEST(SteadyStateVulkanTest, MixedDecodesTakeNothing) {
  run::MemoryBooks books;
  run::OpenOptions options;
  options.require_enforcing = true;
  options.context.n_ctx = 256;
  options.context.n_batch = 64;
  options.context.n_ubatch = 32;
  options.context.n_seq_max = 2;
  options.context.n_outputs_max = 32;
  const auto instance = run::open(books, PLIMSOLL_TEST_MODELS_DIR "/llama-dense.gguf", options);
  ASSERT_EQ(plan::computing_devices(instance->plan().survey), std::vector{device::DeviceId{"Vulkan0"}});
  ASSERT_TRUE(instance->warm_up_report().complete());

  const workload::MixedFigures figures = workload::run_mixed(*instance, {.decodes = 300});

  EXPECT_GE(figures.decodes, 300);
  for (const std::string& violation : figures.violations()) ADD_FAILURE() << violation;
}

}  // namespace
}  // namespace plimsoll
