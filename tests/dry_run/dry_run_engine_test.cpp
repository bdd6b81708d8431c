// What a dry run says beyond sizes at creation: adapters, rows of logits, what it takes for a while, whom it leaves
// alone.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "dry_run/dry_run.hpp"
#include "engine/backend.hpp"
#include "tracker/scope.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "ledger_entries.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::dry_run {
namespace {

using test::Accounting;
using test::arch_model;
using test::small_context;
using test::to_text;

DryRunRequest request_for(const std::string& path, std::uint32_t sequences = 1) {
  DryRunRequest request;
  request.model.path = path;
  request.model.devices = {"none"};
  request.context = small_context(sequences);
  return request;
}

Bytes sum_of(const std::vector<BufferEntry>& entries, memory::Stage stage) {
  Bytes sum;
  for (const BufferEntry& entry : entries) {
    if (entry.stage == stage) sum += entry.bytes;
  }
  return sum;
}

class DryRunTest : public testing::Test {
 protected:
  void SetUp() override { engine::start_backends(); }
  test::TemporaryFolder folder_;
};

TEST_F(DryRunTest, AnAdaptersEntriesAreWhatItThenTakes) {
  const std::string path = arch_model("llama-dense");
  const std::string lora = folder_.write(
      "lora.gguf", test::tiny_lora("llama", {.layers = 2, .width_in = 256, .width_out = 256, .rank = 4}).bytes());
  for (const engine::LoadMode mode : {engine::LoadMode::mmap, engine::LoadMode::none}) {
    SCOPED_TRACE(engine::to_string(mode));
    DryRunRequest request = request_for(path, 2);
    request.model.load_mode = mode;
    request.adapters = {{.path = lora, .scale = 1.0F}};
    const DryRun dry_run = dry_run::dry_run(request);
    EXPECT_GT(sum_of(dry_run.entries, memory::Stage::adapter), Bytes{});

    Accounting accounting;
    const auto model = test::load_charged(request.model);
    std::shared_ptr<engine::Adapter> adapter;
    {
      const tracker::Scope scope("model", tracker::Phase::adapter);
      adapter = engine::Adapter::load(model, lora);
    }
    const auto context = test::create_charged(model, request.context);
    context->set_adapters({{adapter, 1.0F}});
    {
      const tracker::Scope scope("model", tracker::Phase::decode);
      (void)test::logits_after(*context, test::some_tokens(64));
      (void)test::logits_after(*context, {1}, 1);
    }
    EXPECT_EQ(to_text(dry_run.entries), to_text(accounting.entries()));
  }
}

TEST_F(DryRunTest, RowsOfLogitsAreWhatADecodeThenHolds) {
  for (const char* name : {"llama-dense", "gemma3-dense", "mamba-dense", "jamba-dense"}) {
    SCOPED_TRACE(name);
    DryRunRequest request = request_for(arch_model(name));
    request.context.n_outputs_max = 24;
    const DryRun dry_run = dry_run::dry_run(request);
    EXPECT_EQ(dry_run.outputs, 24U);

    Accounting accounting;
    const auto model = test::load_charged(request.model);
    const auto context = test::create_charged(model, request.context);
    engine::Batch batch;
    for (int i = 0; i < 24; ++i) batch.add(1 + i, i, 0, true);
    {
      const tracker::Scope scope("model", tracker::Phase::decode);
      ASSERT_EQ(context->decode(batch), engine::DecodeStatus::ok);
    }
    EXPECT_EQ(sum_of(dry_run.entries, memory::Stage::output), sum_of(accounting.entries(), memory::Stage::output));
  }
}

TEST_F(DryRunTest, MappedWeightsOfASplitModelAreWhatIsThenMapped) {
  const std::string whole = folder_.write("whole.gguf", test::tiny_llama().bytes());
  const std::string command =
      "llama-gguf-split --split --split-max-tensors 8 " + whole + " " + folder_.path("part") + " > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  for (const std::string& path : {whole, folder_.path("part-00001-of-00003.gguf")}) {
    SCOPED_TRACE(path);
    const DryRunRequest request = request_for(path);
    const DryRun dry_run = dry_run::dry_run(request);
    Accounting accounting;
    const auto model = test::load_charged(request.model);
    const auto context = test::create_charged(model, request.context);
    EXPECT_EQ(to_text(dry_run.entries), to_text(accounting.entries()));
  }
}

TEST_F(DryRunTest, SaysWhatItTookForAWhileAndChargesNothing) {
  Accounting accounting;
  for (const char* name : {"llama-dense", "qwen3tts-dense", "jamba-dense"}) {
    const DryRun dry_run = dry_run::dry_run(request_for(arch_model(name), 4));
    EXPECT_GT(dry_run.transient, Bytes{}) << name << ": the rows of logits at least";
    EXPECT_LT(dry_run.transient, 1_MiB) << name;
    EXPECT_EQ(to_text(accounting.entries()), "") << name;
  }
}

TEST_F(DryRunTest, DoesNotDisturbAModelThatRunsBesideIt) {
  Accounting accounting;
  const DryRunRequest running = request_for(arch_model("llama-dense"));
  const auto model = test::load_charged(running.model);
  const auto context = test::create_charged(model, running.context);
  (void)test::logits_after(*context, {1});
  context->clear();
  const std::string before = to_text(accounting.entries());

  std::atomic<bool> dry_run{false};
  std::jthread dry_runner([&] {
    const tracker::Scope scope("dry_run", tracker::Phase::none);
    for (const char* name : {"jamba-dense", "llama-dense", "qwen3tts-dense", "gemma3-dense"}) {
      (void)dry_run::dry_run(request_for(arch_model(name), 4));
    }
    dry_run = true;
  });
  std::vector<float> first;
  std::size_t decodes = 0;
  while (!dry_run || decodes < 3) {
    context->clear();
    const std::vector<float> logits = test::logits_after(*context, test::some_tokens(20));
    if (first.empty()) first = logits;
    ASSERT_EQ(logits, first);
    ASSERT_EQ(to_text(accounting.entries()), before);
    ++decodes;
  }
}

TEST_F(DryRunTest, ADryRunnerAnswersForSeveralContexts) {
  const std::string path = arch_model("jamba-dense");
  DryRunner dry_runner(request_for(path).model);
  for (const std::uint32_t sequences : {4U, 1U, 2U}) {
    EXPECT_EQ(dry_runner.dry_run(request_for(path, sequences)).entries,
              dry_run::dry_run(request_for(path, sequences)).entries);
  }
}

}  // namespace
}  // namespace plimsoll::dry_run
