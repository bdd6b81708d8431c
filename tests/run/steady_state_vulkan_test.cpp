// A sealed model takes nothing more on a device either, whose backend compiles and allocates what no hook sees.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "engine/sampler.hpp"
#include "quantize/quantize.hpp"
#include "run/generation.hpp"
#include "run/open.hpp"

#include "mixed_workload.hpp"
#include "paths.hpp"
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
  const auto instance = run::open(accounting, arch_models_path("llama-dense.gguf"), options);
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
  (void)quantize::quantize({.input = source_path("models/demo/bosun-log.gguf"),
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

// What a conversation is asked for: text, a fork, tokens chosen by hand, forgetting, saving and going on from that.
void use_conversations(run::BatchedExecutor& executor, unsigned seed) {
  const auto n_vocab = static_cast<unsigned>(executor.instance().model()->facts().n_vocab);
  engine::Sampler sampler(*executor.instance().model(), {.seed = seed});
  for (unsigned round = 0; round < 12; ++round) {
    run::Conversation conversation = executor.create();
    std::vector<engine::Token> prompt(3 + (seed * 7 + round * 11) % 40);
    for (std::size_t i = 0; i < prompt.size(); ++i)
      prompt[i] = static_cast<engine::Token>((seed * 31 + round * 17 + i * 5) % n_vocab);
    run::Generation generation(conversation, {.prompt = prompt, .predict = 8, .ignore_end_of_generation = true});
    while (generation.next()) {
    }
    run::Conversation fork = conversation.fork();
    ASSERT_EQ(fork.infer(), engine::DecodeStatus::ok);
    fork.prompt(fork.sample(sampler));
    ASSERT_EQ(fork.infer(), engine::DecodeStatus::ok);
    EXPECT_FALSE(fork.logits().empty());
    EXPECT_TRUE(fork.shift_left(2, 1));
    fork.prompt(1);
    ASSERT_EQ(fork.infer(), engine::DecodeStatus::ok);
    const run::SequenceSnapshot saved = fork.save();
    {
      const run::Conversation gone = std::move(fork);
    }
    run::Conversation again = executor.load(saved);
    again.prompt(2);
    ASSERT_EQ(again.infer(), engine::DecodeStatus::ok);
  }
}

// Only the decode loop's thread works with the backend, whoever asks. Mesa's software GPU keeps a few MiB for each
// thread that does: these four threads made the process grow by 9.4 MiB while each decoded for itself, and by 3.1
// to 3.4 MiB since the loop does it (2026-11, Mesa 26.1, x86-64).
TEST(SteadyStateVulkanTest, ConversationsOnSeveralThreadsLeaveTheBackendToTheLoop) {
  constexpr Bytes kMost{6ULL << 20};
  run::MemoryAccounting accounting;
  run::OpenOptions options;
  options.require_enforcing = true;
  options.context.n_ctx = 1024;
  options.context.n_batch = 64;
  options.context.n_ubatch = 32;
  options.context.n_seq_max = 8;
  options.context.n_outputs_max = 32;
  const auto instance = run::open(accounting, arch_models_path("llama-dense.gguf"), options);
  ASSERT_TRUE(instance->warm_up_report().complete());
  {
    run::BatchedExecutor executor(*instance);
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 4; ++i) threads.emplace_back([&executor, i] { use_conversations(executor, i + 1); });
  }
  const Bytes growth = instance->growth_after_ready();
  EXPECT_LE(growth, kMost) << format_bytes(growth);
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0);
  EXPECT_EQ(instance->graph_reallocations(), 0);
}

}  // namespace
}  // namespace plimsoll
