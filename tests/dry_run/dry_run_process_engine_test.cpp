// A file that makes the engine end its process ends the dry run's child, and nobody else. Those tests fork, so each
// needs a process of its own that has not started backends.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <limits>
#include <random>

#include "dry_run/dry_run_process.hpp"
#include "dry_run/local_dry_runs.hpp"
#include "engine/backend.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::dry_run {
namespace {

using test::expect_error;

DryRunRequest request_for(const std::string& path) {
  DryRunRequest request;
  request.model.path = path;
  request.model.devices = {"none"};
  request.context = test::small_context();
  return request;
}

// Whole files that say what the engine asserts it never hears.
std::vector<test::TinyGguf> files_that_end_the_engine() {
  std::vector<test::TinyGguf> files(4, test::tiny_llama());
  files[0].remove("llama.block_count").number("llama.block_count", 600);
  files[1].remove("llama.block_count").number("llama.block_count", 0);
  files[2].number("llama.expert_count", 8).number("llama.expert_used_count", 9);
  files[3].remove("tokenizer.ggml.model").text("tokenizer.ggml.model", "bert");
  return files;
}

// Alive, or ended and not waited for.
bool has_children() { return waitpid(-1, nullptr, WNOHANG) != -1; }

class DryRunProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(engine::backends_started()) << "this test forks: run it in a process of its own, as ctest does";
  }

  test::TemporaryFolder folder_;
  DryRunProcess dry_runs_;
};

TEST_F(DryRunProcessTest, ThrowsWhatTheChildThrew) {
  expect_error(ErrorCode::model_unusable, "no such file",
               [&] { (void)dry_runs_.dry_run(request_for(folder_.path("absent"))); });
  DryRunRequest request = request_for(test::arch_model("llama-dense"));
  request.context.n_ubatch = 1000;
  expect_error(ErrorCode::usage, "cannot be larger than the batch", [&] { (void)dry_runs_.dry_run(request); });
  request.context = test::small_context();
  EXPECT_FALSE(dry_runs_.dry_run(request).entries.empty());
}

// A context that a dry run made on a card lives as long as its process.
TEST_F(DryRunProcessTest, NumbersThatAreNoneAreSaid) {
  for (const float wrong : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    DryRunRequest request = request_for(test::arch_model("llama-dense"));
    request.adapters = {{.path = "a.gguf", .scale = wrong}};
    expect_error(ErrorCode::usage, "stands among its adapters", [&] { (void)dry_runs_.dry_run(request); });
    request.adapters.clear();
    request.model.tensor_split = {1, wrong};
    expect_error(ErrorCode::usage, "stands among its tensor_split", [&] { (void)dry_runs_.dry_run(request); });
  }
}

TEST_F(DryRunProcessTest, HasNoChildWhileItRests) {
  (void)dry_runs_.dry_run(request_for(test::arch_model("llama-dense")));
  ASSERT_TRUE(has_children());
  dry_runs_.rest();
  EXPECT_TRUE(dry_runs_.resting());
  EXPECT_FALSE(has_children());
  EXPECT_FALSE(dry_runs_.dry_run(request_for(test::arch_model("llama-dense"))).entries.empty());
  EXPECT_FALSE(dry_runs_.resting());
}

// Bytes of the header changed at random: always an answer, and this process lives. The engine's own aborts are among
// them.
TEST_F(DryRunProcessTest, LivesThroughChangedBytes) {
  const test::TinyGguf file = test::tiny_llama();
  const std::string whole = file.bytes();
  std::mt19937 random(11);
  std::size_t answers = 0;
  for (int i = 0; i < 150; ++i) {
    std::string changed = whole;
    for (int k = 0; k < 3; ++k) changed[random() % file.header_size()] = static_cast<char>(random());
    const std::string path = folder_.write("changed.gguf", changed);
    try {
      (void)dry_runs_.dry_run(request_for(path));
    } catch (const Error& error) {
      EXPECT_EQ(to_string(error.code()), "model_unusable") << error.what();
    }
    ++answers;
  }
  EXPECT_EQ(answers, 150U);
  EXPECT_FALSE(dry_runs_.dry_run(request_for(test::arch_model("llama-dense"))).entries.empty());
}

TEST_F(DryRunProcessTest, AFileThatEndsTheEngineIsUnusable) {
  for (const test::TinyGguf& file : files_that_end_the_engine()) {
    const std::string path = folder_.write("killer.gguf", file.bytes());
    expect_error(ErrorCode::model_unusable, "the engine", [&] { (void)dry_runs_.dry_run(request_for(path)); });
  }
  EXPECT_FALSE(dry_runs_.dry_run(request_for(test::arch_model("llama-dense"))).entries.empty());
}

TEST_F(DryRunProcessTest, AnswersAsADryRunInThisProcessDoes) {
  const DryRunRequest request = request_for(test::arch_model("llama-dense"));
  const DryRun far = dry_runs_.dry_run(request);
  EXPECT_FALSE(engine::backends_started());
  EXPECT_FALSE(dry_runs_.devices().empty());
  LocalDryRuns local;
  const DryRun near = local.dry_run(request);
  EXPECT_EQ(far.entries, near.entries);
  EXPECT_EQ(far.model.n_params, near.model.n_params);
  EXPECT_EQ(far.context.n_ctx, near.context.n_ctx);
  EXPECT_EQ(far.transient, near.transient);
}

TEST(DryRunProgramTest, IsNeededWhereForkingIsNotSafe) {
  engine::start_backends();
  DryRunProcess dry_runs;
  expect_error(ErrorCode::unsupported, "program of its own", [&] { (void)dry_runs.devices(); });
}

TEST(DryRunProgramTest, ThatIsNotThereIsSaid) {
  engine::start_backends();
  DryRunProcess absent({"/no/such/program"});
  expect_error(ErrorCode::io, "could not be started", [&] { (void)absent.devices(); });
}

}  // namespace
}  // namespace plimsoll::dry_run
