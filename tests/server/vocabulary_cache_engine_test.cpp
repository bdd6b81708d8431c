// VocabularyCache on a real host: read without loading, only from files that were planned, and no more than so many.
#include "vocabulary_cache.hpp"

#include <gtest/gtest.h>

#include <malloc.h>

#include <chrono>
#include <filesystem>

#include "checked_lease.hpp"
#include "expect_error.hpp"
#include "small_fleet.hpp"

namespace plimsoll::server {
namespace {

using host::test::fleet_of;
using host::test::SmallHost;

const auto kAtOnce = [] { return host::AcquireOptions(); };

class VocabularyCacheTest : public testing::Test {
 protected:
  // Of a file that the test may replace.
  host::Fleet fleet_of_a_copy() {
    host::Fleet fleet = host::test::mapped(fleet_of("ab"));
    std::string& path = fleet.models.front().request.dry_run.model.path;
    original_ = path;
    std::filesystem::copy_file(path, copy_);
    path = copy_;
    return fleet;
  }
  void replace_by(const std::string& file) const {
    const std::string newer = folder_.path("newer.gguf");
    std::filesystem::copy_file(file, newer);
    std::filesystem::rename(newer, copy_);
  }
  plimsoll::test::TemporaryFolder folder_;
  std::string copy_ = folder_.path("a.gguf");
  std::string original_;
};

TEST_F(VocabularyCacheTest, ReadsAsTheLoadedModelDoesAndLoadsNothing) {
  SmallHost small(fleet_of("ab"));
  VocabularyCache vocabularies(small.host);
  const auto reader = vocabularies.find("a");
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(vocabularies.find("a"), reader);
  EXPECT_EQ(small.status("a").loads, 0U);
  const auto tokens = reader->vocab().tokenize("All hands on deck.", true, true);
  const host::Lease lease = small.host.acquire("a");
  EXPECT_EQ(lease.instance().model()->vocab().tokenize("All hands on deck.", true, true), tokens);
  EXPECT_EQ(reader->context().n_ctx_seq, lease.instance().context().facts().n_ctx_seq);
  EXPECT_EQ(reader->facts().n_embd_out, lease.instance().model()->facts().n_embd_out);
  EXPECT_TRUE(vocabularies.is_current(*reader));
}

TEST_F(VocabularyCacheTest, AFileThatWasNotPlannedIsReadOnlyOnceTheHostHasLoadedIt) {
  SmallHost small(fleet_of_a_copy());
  VocabularyCache vocabularies(small.host);
  const auto before = vocabularies.find("a");
  ASSERT_NE(before, nullptr);
  (void)folder_.write("a.gguf", "GGUF, or so it says");
  EXPECT_EQ(vocabularies.find("a"), nullptr);
  EXPECT_FALSE(vocabularies.is_current(*before));
  replace_by(original_);
  EXPECT_EQ(vocabularies.find("a"), nullptr);
  (void)small.ask("a");  // planned anew, and loaded
  const auto after = vocabularies.find("a");
  ASSERT_NE(after, nullptr);
  EXPECT_NE(after, before);
}

TEST_F(VocabularyCacheTest, TheLongestUnusedGoes) {
  SmallHost small(fleet_of("abc"));
  VocabularyCache vocabularies(small.host, 2);
  const auto a = vocabularies.find("a");
  const auto b = vocabularies.find("b");
  EXPECT_EQ(vocabularies.find("a"), a);
  (void)vocabularies.find("c");
  EXPECT_EQ(vocabularies.size(), 2U);
  EXPECT_EQ(vocabularies.find("a"), a);
  EXPECT_NE(vocabularies.find("b"), b);
}

TEST_F(VocabularyCacheTest, WhatIsKeptIsChargedAndGivenBack) {
  SmallHost small(fleet_of("ab"));
  const auto charged = [&] {
    Bytes sum;
    for (const memory::Entry& entry : small.accounting.ledger().entries_of(VocabularyCache::kOwner))
      sum += entry.taken.current;
    return sum;
  };
  VocabularyCache vocabularies(small.host);
  (void)vocabularies.find("a");
  const std::size_t before = mallinfo2().uordblks;
  const auto reader = vocabularies.find("b");
  const Bytes heap{mallinfo2().uordblks - before};
  const Bytes estimated = estimated_heap(reader->vocab());
  EXPECT_GT(estimated * 2, heap);
  EXPECT_LT(estimated, heap * 2);
  EXPECT_GE(charged(), estimated_heap(vocabularies.find("a")->vocab()) + estimated);
  EXPECT_TRUE(vocabularies.clear());
  EXPECT_EQ(charged(), Bytes{});
  EXPECT_FALSE(vocabularies.clear());
}

// Where only one of two models fits, neither is read again for each request in turn.
TEST_F(VocabularyCacheTest, OfAMappedModelItIsTheModelsOwnAndTakesNothing) {
  SmallHost small(host::test::mapped(fleet_of("ab")));
  VocabularyCache vocabularies(small.host);
  (void)small.ask("a");
  const auto reader = vocabularies.find("a");
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(&reader->model(), small.host.acquire("a").instance().model().get());
  EXPECT_TRUE(small.accounting.ledger().entries_of(VocabularyCache::kOwner).empty());
  small.host.unload("a");
  (void)small.ask("b");
  EXPECT_TRUE(vocabularies.clear());
  EXPECT_EQ(&vocabularies.find("a")->model(), &reader->model()) << "it stays mapped when it goes";
  EXPECT_NE(&vocabularies.find("b")->model(), &reader->model());
}

TEST_F(VocabularyCacheTest, OfAModelThatLeavesNothingStays) {
  SmallHost small(fleet_of("ab"));
  VocabularyCache vocabularies(small.host);
  const std::weak_ptr<const PromptReader> a = vocabularies.find("a");
  (void)vocabularies.find("b");
  vocabularies.forget("a");
  vocabularies.forget("a");
  vocabularies.forget("kraken");
  EXPECT_TRUE(a.expired());
  EXPECT_EQ(vocabularies.size(), 1U);
  EXPECT_NE(vocabularies.find("a"), nullptr);
}

// A file that was replaced would stay on the disk for as long as somebody has it mapped.
TEST_F(VocabularyCacheTest, AMappedFileIsLetGoOnceAnotherOneIsThere) {
  SmallHost small(fleet_of_a_copy());
  VocabularyCache vocabularies(small.host);
  (void)small.ask("a");
  const std::weak_ptr<const PromptReader> before = vocabularies.find("a");
  ASSERT_FALSE(before.expired());
  replace_by(original_);
  EXPECT_EQ(vocabularies.find("a"), nullptr);
  EXPECT_TRUE(before.expired());
  EXPECT_EQ(vocabularies.size(), 0U);
}

TEST_F(VocabularyCacheTest, AModelComesBeforeThem) {
  host::Fleet fleet = fleet_of("a");
  fleet.budgets = {{.device = device::host(), .amount = host::test::together(fleet, "a") + 256_KiB}};
  SmallHost small(std::move(fleet));
  PromptCache prompts(small.host, 2);
  VocabularyCache vocabularies(small.host);
  const ServerOptions options;
  KeyUsage keys({}, std::chrono::steady_clock::now());
  AdapterScales scales;
  RequestMemory memory(small.accounting.ledger(), [] { return false; });
  const ServerContext server{small.host, prompts, vocabularies, keys, scales, memory, options};
  (void)checked_lease(server, "a", [](const PromptReader&) {}, kAtOnce);
  EXPECT_EQ(small.status("a").loads, 1U);
  EXPECT_EQ(vocabularies.size(), 0U);
}

TEST_F(VocabularyCacheTest, ALeaseIsTakenOnlyForWhatPassesItsCheck) {
  SmallHost small(fleet_of_a_copy());
  PromptCache prompts(small.host, 2);
  VocabularyCache vocabularies(small.host);
  const ServerOptions options;
  KeyUsage keys({}, std::chrono::steady_clock::now());
  AdapterScales scales;
  RequestMemory memory(small.accounting.ledger(), [] { return false; });
  const ServerContext server{small.host, prompts, vocabularies, keys, scales, memory, options};
  int checks = 0;
  const auto refuse = [&](const PromptReader&) {
    ++checks;
    throw Error(ErrorCode::usage, "no");
  };
  const auto let_pass = [&](const PromptReader&) { ++checks; };
  plimsoll::test::expect_error(ErrorCode::usage, "no", [&] { (void)checked_lease(server, "a", refuse, kAtOnce); });
  EXPECT_EQ(small.status("a").loads, 0U);
  (void)checked_lease(server, "a", let_pass, kAtOnce);
  EXPECT_EQ(small.status("a").loads, 1U);
  EXPECT_EQ(checks, 2);
  replace_by(original_);  // not known to the host: checked with what it has loaded
  plimsoll::test::expect_error(ErrorCode::usage, "no", [&] { (void)checked_lease(server, "a", refuse, kAtOnce); });
  EXPECT_EQ(checks, 3);
  EXPECT_EQ(small.status("a").leases, 0U);
}

}  // namespace
}  // namespace plimsoll::server
