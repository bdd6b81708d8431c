// A sealed model takes nothing more, whatever it is asked: a thousand mixed decodes on the CPU.
#include <gtest/gtest.h>

#include "run/open.hpp"

#include "mixed_workload.hpp"
#include "paths.hpp"

namespace plimsoll {
namespace {

class SteadyStateTest : public testing::TestWithParam<const char*> {};

TEST_P(SteadyStateTest, ThousandMixedDecodesTakeNothing) {
  run::MemoryAccounting accounting;
  run::OpenOptions options;
  options.require_enforcing = true;
  options.model.devices = {"none"};
  options.context.n_ctx = 1024;
  options.context.n_batch = 128;
  options.context.n_ubatch = 64;
  options.context.n_seq_max = 4;
  options.context.n_outputs_max = 64;
  options.context.n_threads = 1;
  const auto instance = run::open(accounting, arch_models_path(std::string(GetParam()) + ".gguf"), options);

  const workload::MixedFigures figures = workload::run_mixed(*instance, {.decodes = 1000});

  EXPECT_GE(figures.decodes, 1000);
  EXPECT_GE(figures.operations.size(), 10U);
  for (const std::string& violation : figures.violations()) ADD_FAILURE() << violation;
}

// Plain attention, a sliding window, recurrent beside attention.
INSTANTIATE_TEST_SUITE_P(Architectures, SteadyStateTest, testing::Values("llama-dense", "gemma3-dense", "jamba-dense"),
                         [](const auto& model) {
                           std::string name = model.param;
                           return name.substr(0, name.find('-'));
                         });

}  // namespace
}  // namespace plimsoll
