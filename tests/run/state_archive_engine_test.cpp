// Conversations as files: they come back in another process, and what is no such state is refused.
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

class StateArchiveTest : public testing::Test {
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
  static std::string bytes_of(const SequenceSnapshot& snapshot) {
    std::ostringstream out(std::ios::binary);
    write_archive(sink_of(out), snapshot);
    return out.str();
  }
  static SequenceSnapshot parse(const std::string& bytes) {
    std::istringstream in(bytes, std::ios::binary);
    return read_sequence_archive(in);
  }

  test::TemporaryFolder folder_;
  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance;
  std::optional<BatchedExecutor> executor;
};

TEST_F(StateArchiveTest, ComesBackInAnotherProcessesPlace) {
  for (const char* model : {"llama-dense", "mamba-dense", "jamba-dense", "gemma3-dense"}) {
    open(model, 3);
    const std::vector<std::filesystem::path> paths{folder_ / "0", folder_ / "1", folder_ / "2"};
    std::vector<std::vector<float>> expected;
    {
      std::vector<Conversation> all = three();
      for (std::size_t i = 0; i < 3; ++i) write_archive(paths[i], all[i].save());
      for (Conversation& each : all) expected.push_back(logits_after(each, 2));
    }
    open(model, 3);  // as a new start would
    std::vector<Conversation> again;
    for (const auto& path : paths) again.push_back(executor->load(read_sequence_archive(path)));
    EXPECT_EQ(again[1].waiting(), 4U);
    EXPECT_EQ(again[2].size(), 0U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_LE(test::largest_difference(logits_after(again[i], 2), expected[i]), test::kLogitTolerance) << model << i;
    }
    EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
  }
}

TEST_F(StateArchiveTest, WhatCannotBeRestoredKeepsNoSequence) {
  open("llama-dense", 4);
  const SequenceSnapshot saved = three()[1].save();
  SequenceSnapshot spoilt = saved;
  spoilt.memory.resize(spoilt.memory.size() / 2);
  expect_error(ErrorCode::engine_failed, "", [&] { (void)executor->load(spoilt); });
  EXPECT_EQ(executor->free_sequences(), 4U);
  EXPECT_EQ(executor->load(saved).size(), saved.tokens.size());
}

TEST_F(StateArchiveTest, OfAnotherModelOrCacheIsRefused) {
  open("llama-dense", 3);
  const SequenceSnapshot saved = three()[0].save();
  open("qwen3-dense", 3);
  expect_error(ErrorCode::usage, "of another model", [&] { (void)executor->load(saved); });
  open("llama-dense", 3, engine::CacheType::f32);
  expect_error(ErrorCode::usage, "of another model", [&] { (void)executor->load(saved); });
  EXPECT_EQ(executor->free_sequences(), 3U);
}

// What is saved was computed by the file that is loaded, whatever has its name by now.
TEST_F(StateArchiveTest, BelongsToTheFileThatWasLoadedAndNotToItsSuccessor) {
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
  SequenceSnapshot saved;
  {
    const std::vector<Conversation> all = three();
    std::filesystem::copy_file(test::lively_model("qwen3-dense"), folder_ / "newer.gguf");
    std::filesystem::rename(folder_ / "newer.gguf", path);
    saved = all[0].save();
  }
  EXPECT_EQ(executor->load(saved).size(), saved.tokens.size()) << "the same model still";
  open_it();
  expect_error(ErrorCode::usage, "of another model", [&] { (void)executor->load(saved); });
}

TEST_F(StateArchiveTest, DamageIsNamed) {
  open("llama-dense", 3);
  const std::vector<Conversation> all = three();
  const std::string bytes = bytes_of(all[0].save());
  EXPECT_EQ(parse(bytes).tokens, some_tokens(30, 3));
  for (std::size_t i = 0; i < bytes.size(); i += bytes.size() / 37 + 1) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
    expect_error(ErrorCode::usage, "", [&] { (void)parse(damaged); });
    expect_error(ErrorCode::usage, "", [&] { (void)parse(bytes.substr(0, i)); });
  }
  std::ostringstream chat(std::ios::binary);
  write_archive(sink_of(chat), SessionArchive{});
  expect_error(ErrorCode::usage, "state of a session, not of a sequence", [&] { (void)parse(chat.str()); });
}

TEST_F(StateArchiveTest, ProgressIsToldAndMayEndIt) {
  open("llama-dense", 3);
  const SequenceSnapshot saved = three()[0].save();
  std::vector<Bytes> heard;
  const ArchiveProgress progress = [&](Bytes done, Bytes of) {
    EXPECT_EQ(of, saved.size());
    heard.push_back(done);
  };
  const std::filesystem::path path = folder_ / "state";
  write_archive(path, saved, progress);
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.back(), saved.size());
  EXPECT_TRUE(std::ranges::is_sorted(heard));
  heard.clear();
  (void)read_sequence_archive(path, progress);
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.back(), saved.size());

  const ArchiveProgress enough = [](Bytes, Bytes) { throw Error(ErrorCode::cancelled, "enough"); };
  const std::string before = test::read_whole_file(path);
  expect_error(ErrorCode::cancelled, "enough", [&] { write_archive(path, saved, enough); });
  EXPECT_EQ(test::read_whole_file(path), before);
  expect_error(ErrorCode::cancelled, "enough", [&] { (void)read_sequence_archive(path, enough); });
}

}  // namespace
}  // namespace plimsoll::run
