// A sealed model takes nothing more on a device either, whose backend compiles and allocates what no hook sees.
#include <gtest/gtest.h>

#include "quantize/quantize.hpp"
#include "run/open.hpp"

#include "mixed_workload.hpp"
#include "temporary_folder.hpp"

namespace plimsoll {
namespace {

TEST(SteadyStateVulkanTest, MixedDecodesTakeNothing) {
  run::MemoryAccounting accounting;
  run::OpenOptions options;
  options.require_enforcing = true;
  options.context.n_ctx = 256;
  options.context.n_batch = 64;
  options.context.n_ubatch = 32;
  options.context.n_seq_max = 2;
  options.context.n_outputs_max = 32;
  const auto instance = run::open(accounting, PLIMSOLL_TEST_MODELS_DIR "/llama-dense.gguf", options);
  ASSERT_EQ(plan::computing_devices(instance->plan().dry_run), std::vector{device::DeviceId{"Vulkan0"}});
  ASSERT_TRUE(instance->warm_up_report().complete());

  const workload::MixedFigures figures = workload::run_mixed(*instance, {.decodes = 300});

  EXPECT_GE(figures.decodes, 300);
  for (const std::string& violation : figures.violations()) ADD_FAILURE() << violation;
}

// As most models that people run: the last matrix is of another type than those of the layers, so its kernels for two,
// three ... rows are compiled by batches that ask for so many outputs, and by nothing else.
TEST(SteadyStateVulkanTest, AnOutputMatrixOfAnotherTypeIsWarmToo) {
  const test::TemporaryFolder folder;
  const std::string mixed = folder / "mixed.gguf";
  (void)quantize::quantize({.input = PLIMSOLL_SOURCE_DIR "/models/demo/bosun-log.gguf",
                            .output = mixed,
                            .type = LLAMA_FTYPE_MOSTLY_Q8_0,
                            .output_tensor_type = GGML_TYPE_F16});
  run::MemoryAccounting accounting;
  run::OpenOptions options;
  options.context.n_ctx = 256;
  options.context.n_batch = 64;
  options.context.n_ubatch = 16;
  options.context.n_seq_max = 4;
  options.context.n_outputs_max = 16;
  const auto instance = run::open(accounting, mixed, options);
  ASSERT_TRUE(instance->warm_up_report().complete());

  const workload::MixedFigures figures = workload::run_mixed(*instance, {.decodes = 300});

  for (const std::string& violation : figures.violations()) ADD_FAILURE() << violation;
}

}  // namespace
}  // namespace plimsoll
