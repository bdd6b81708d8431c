// The state of a whole context: all conversations or none, and what is no such state is refused.
#include <gtest/gtest.h>

#include <sstream>

#include "run/batched_executor.hpp"
#include "run/state_archive.hpp"

#include "arch_models.hpp"
#include "conversation_model.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

using engine::DecodeStatus;
using test::expect_error;
using test::some_tokens;

class ContextStateTest : public testing::Test {
 protected:
  void open(const std::string& model, std::uint32_t sequences, engine::CacheType cache = engine::CacheType::f16) {
    executor.reset();
    plan::Request request = test::lively_request(model, sequences);
    request.dry_run.context.type_k = cache;
    instance = test::ready(accounting, request);
    executor.emplace(*instance);
  }
  // One decoded, one with a past and tokens that wait, one that was never prompted.
  std::vector<Conversation> three() {
    std::vector<Conversation> all;
    for (int i = 0; i < 3; ++i) all.push_back(executor->create());
    all[0].prompt(some_tokens(30, 3));
    all[1].prompt(some_tokens(20, 5));
    while (executor->infer() == DecodeStatus::ok && (all[0].requires_inference() || all[1].requires_inference())) {
    }
    all[1].prompt(some_tokens(4, 9));
    return all;
  }
  std::vector<float> logits_after(Conversation& conversation, engine::Token token) {
    conversation.prompt(token);
    EXPECT_EQ(conversation.infer(), DecodeStatus::ok);
    const auto logits = conversation.logits();
    return {logits.begin(), logits.end()};
  }
  std::string bytes_of(const ContextSnapshot& snapshot) {
    std::ostringstream out(std::ios::binary);
    write_archive(sink_of(out), snapshot);
    return out.str();
  }
  static ContextSnapshot parse(const std::string& bytes) {
    std::istringstream in(bytes, std::ios::binary);
    return read_context_archive(in);
  }

  test::TemporaryFolder folder_;
  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance;
  std::optional<BatchedExecutor> executor;
};

TEST_F(ContextStateTest, ComesBackInAnotherProcessesPlace) {
  for (const char* model : {"llama-dense", "mamba-dense", "jamba-dense", "gemma3-dense"}) {
    open(model, 3);
    const std::string path = folder_ / "state";
    std::vector<std::vector<float>> expected;
    {
      std::vector<Conversation> all = three();
      write_archive(std::filesystem::path(path), executor->save_all());
      for (Conversation& each : all) expected.push_back(logits_after(each, 2));
    }
    open(model, 3);  // as a new start would
    std::vector<Conversation> again = executor->load_all(read_context_archive(std::filesystem::path(path)));
    ASSERT_EQ(again.size(), 3U);
    EXPECT_EQ(again[1].waiting(), 4U);
    EXPECT_EQ(again[2].size(), 0U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_LE(test::largest_difference(logits_after(again[i], 2), expected[i]), test::kLogitTolerance) << model << i;
    }
    EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
  }
}

TEST_F(ContextStateTest, ComesBackAsAWholeOrNotAtAll) {
  open("llama-dense", 4);
  ContextSnapshot saved;
  {
    const std::vector<Conversation> all = three();
    saved = executor->save_all();
    expect_error(ErrorCode::busy, "3 sequences are needed, and 1", [&] { (void)executor->load_all(saved); });
    EXPECT_EQ(executor->free_sequences(), 1U);
  }
  ContextSnapshot spoilt = saved;
  spoilt.sequences[1].memory.resize(spoilt.sequences[1].memory.size() / 2);
  expect_error(ErrorCode::engine_failed, "", [&] { (void)executor->load_all(spoilt); });
  EXPECT_EQ(executor->free_sequences(), 4U);
  spoilt = saved;
  spoilt.sequences[2].fingerprint = "another";
  expect_error(ErrorCode::usage, "of another model", [&] { (void)executor->load_all(spoilt); });
  EXPECT_EQ(executor->free_sequences(), 4U);
  EXPECT_EQ(executor->load_all(saved).size(), 3U);
}

TEST_F(ContextStateTest, OfAnotherModelOrCacheIsRefused) {
  open("llama-dense", 3);
  ContextSnapshot saved;
  {
    const std::vector<Conversation> all = three();
    saved = executor->save_all();
  }
  open("qwen3-dense", 3);
  expect_error(ErrorCode::usage, "of another model", [&] { (void)executor->load_all(saved); });
  open("llama-dense", 3, engine::CacheType::f32);
  expect_error(ErrorCode::usage, "of another model", [&] { (void)executor->load_all(saved); });
  EXPECT_EQ(executor->free_sequences(), 3U);
}

// What is saved was computed by the file that is loaded, whatever has its name by now.
TEST_F(ContextStateTest, BelongsToTheFileThatWasLoadedAndNotToItsSuccessor) {
  const std::string path = folder_ / "model.gguf";
  std::filesystem::copy_file(test::lively_model("llama-dense"), path);
  plan::Request request = test::lively_request("llama-dense", 3);
  request.dry_run.model.path = path;
  const auto open_it = [&] {
    executor.reset();
    instance.reset();
    instance = test::ready(accounting, request);
    executor.emplace(*instance);
  };
  open_it();
  ContextSnapshot saved;
  {
    const std::vector<Conversation> all = three();
    std::filesystem::copy_file(test::lively_model("qwen3-dense"), folder_ / "newer.gguf");
    std::filesystem::rename(folder_ / "newer.gguf", path);
    saved = executor->save_all();
  }
  EXPECT_EQ(executor->load_all(saved).size(), 3U) << "the same model still";
  open_it();
  expect_error(ErrorCode::usage, "of another model", [&] { (void)executor->load_all(saved); });
}

TEST_F(ContextStateTest, DamageIsNamed) {
  open("llama-dense", 3);
  const std::vector<Conversation> all = three();
  const std::string bytes = bytes_of(executor->save_all());
  EXPECT_EQ(parse(bytes).sequences.size(), 3U);
  for (std::size_t i = 0; i < bytes.size(); i += bytes.size() / 37 + 1) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
    expect_error(ErrorCode::usage, "", [&] { (void)parse(damaged); });
    expect_error(ErrorCode::usage, "", [&] { (void)parse(bytes.substr(0, i)); });
  }
  std::ostringstream one(std::ios::binary);
  write_archive(sink_of(one), all[0].save());
  expect_error(ErrorCode::usage, "state of a sequence, not of a context", [&] { (void)parse(one.str()); });
}

TEST_F(ContextStateTest, ProgressIsToldAndMayEndIt) {
  open("llama-dense", 3);
  const std::vector<Conversation> all = three();
  const ContextSnapshot saved = executor->save_all();
  Bytes memory;
  for (const SequenceSnapshot& each : saved.sequences) memory += each.size();
  std::vector<Bytes> heard;
  const ArchiveProgress progress = [&](Bytes done, Bytes of) {
    EXPECT_EQ(of, memory);
    heard.push_back(done);
  };
  const std::filesystem::path path = folder_ / "state";
  write_archive(path, saved, progress);
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.back(), memory);
  EXPECT_TRUE(std::ranges::is_sorted(heard));
  heard.clear();
  (void)read_context_archive(path, progress);
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.back(), memory);

  const ArchiveProgress enough = [](Bytes, Bytes) { throw Error(ErrorCode::cancelled, "enough"); };
  const std::string before = test::read_whole_file(path);
  expect_error(ErrorCode::cancelled, "enough", [&] { write_archive(path, saved, enough); });
  EXPECT_EQ(test::read_whole_file(path), before);
  expect_error(ErrorCode::cancelled, "enough", [&] { (void)read_context_archive(path, enough); });
}

}  // namespace
}  // namespace plimsoll::run
