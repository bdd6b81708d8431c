// A file's vocabulary is read once, however many configurations are asked about, and the answers are the same as if it
// had been read each time.
#include <gtest/gtest.h>

#include "dry_run/local_dry_runs.hpp"
#include "engine/backend.hpp"
#include "engine/bare_header.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "paths.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::dry_run {
namespace {

using test::tiny_llama;

DryRunRequest request_for(const std::string& path, std::int32_t layers) {
  DryRunRequest request;
  request.model.path = path;
  request.model.gpu_layers = layers;
  request.context = test::small_context();
  return request;
}

std::string source_model(const char* name) { return source_path("models/demo/") + name; }

class LocalDryRunsTest : public testing::Test {
 protected:
  void SetUp() override { engine::start_backends(); }

  // Several placements of one file, each held against a dry run that reads all of it.
  void expect_as_whole(const std::string& path, int whole_reads) {
    LocalDryRuns dry_runs;
    for (const std::int32_t layers : {-1, 1, 0, -1}) {
      const DryRunRequest request = request_for(path, layers);
      EXPECT_TRUE(dry_runs.dry_run(request) == dry_run(request)) << path << ", " << layers << " layers";
    }
    EXPECT_EQ(dry_runs.whole_reads(), whole_reads) << path;
  }

  test::TemporaryFolder folder_;
};

TEST_F(LocalDryRunsTest, ReadTheVocabularyOnceAndAnswerTheSame) {
  expect_as_whole(source_model("bosun-log.gguf"), 1);
  expect_as_whole(source_model("mate-chat.gguf"), 1);
  expect_as_whole(folder_.write("tiny.gguf", tiny_llama().bytes()), 1);
}

TEST_F(LocalDryRunsTest, AnswerTheSameForEveryKindOfMemory) {
  for (const char* name : {"llama-dense", "gemma3-dense", "deepseek2-moe", "mamba-dense", "jamba-dense"}) {
    expect_as_whole(test::arch_model(name), 1);
  }
}

TEST_F(LocalDryRunsTest, HaveNoBareHeaderWhereThereIsNoVocabulary) {
  test::TinyGguf file = tiny_llama();
  file.remove("tokenizer.ggml.model").text("tokenizer.ggml.model", "none");
  EXPECT_FALSE(engine::BareHeader::of(folder_.write("m.gguf", file.bytes())));
}

TEST_F(LocalDryRunsTest, ReadAgainWhatSaysTwoSizesOfItsVocabulary) {
  test::TinyGguf file = tiny_llama();
  file.remove("llama.vocab_size").number("llama.vocab_size", 7);
  const std::string path = folder_.write("two.gguf", file.bytes());
  EXPECT_FALSE(engine::BareHeader::of(path));
  expect_as_whole(path, 4);
}

TEST_F(LocalDryRunsTest, NoticeThatTheFileWasWrittenAnew) {
  const std::string path = folder_.write("m.gguf", tiny_llama().bytes());
  LocalDryRuns dry_runs;
  const DryRun before = dry_runs.dry_run(request_for(path, 1));
  test::TinyGguf other = tiny_llama();
  other.remove("llama.context_length").number("llama.context_length", 4321);
  (void)folder_.write("m.gguf", other.bytes() + std::string(32, '\0'));
  const DryRun after = dry_runs.dry_run(request_for(path, 0));
  EXPECT_NE(before.model.n_ctx_train, after.model.n_ctx_train);
  EXPECT_EQ(dry_runs.whole_reads(), 2);
}

TEST_F(LocalDryRunsTest, RefuseAFileWithADamagedVocabulary) {
  test::TinyGguf file = tiny_llama();
  file.remove("tokenizer.ggml.model").text("tokenizer.ggml.model", "nobody-knows");
  const std::string path = folder_.write("m.gguf", file.bytes());
  LocalDryRuns dry_runs;
  test::expect_error(ErrorCode::model_unusable, "tokenizer", [&] { (void)dry_runs.dry_run(request_for(path, 0)); });
  test::expect_error(ErrorCode::model_unusable, "tokenizer", [&] { (void)dry_runs.dry_run(request_for(path, 1)); });
}

}  // namespace
}  // namespace plimsoll::dry_run
