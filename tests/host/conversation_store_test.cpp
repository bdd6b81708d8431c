// Conversations that are swapped out, and what somebody else does while one of them is read. The file of it is a pipe:
// whoever reads it stands still until this test has written, and this test until somebody reads.
#include "conversation_store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "run/generation.hpp"
#include "run/generation_work.hpp"
#include "run/held_sequence.hpp"

#include "resident.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::host {
namespace {

namespace fs = std::filesystem;

bool keep_all(Bytes) { return true; }

class ConversationStoreTest : public testing::Test {
 protected:
  ConversationStoreTest() {
    const fs::path file = file_of_it();
    fs::remove(file);
    EXPECT_EQ(::mkfifo(file.c_str(), 0600), 0);
    saving = std::async(std::launch::async, [this] { return store.save(id, keep_all); });
    pipe = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);  // once it is read: it has been taken
  }
  ~ConversationStoreTest() override { close_pipe(); }

  void close_pipe() {
    if (pipe >= 0) (void)::close(pipe);
    pipe = -1;
  }
  [[nodiscard]] fs::path file_of_it() const {
    for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
      if (entry.path().extension() == ".plimsoll") return entry.path();
    }
    return {};
  }

  const test::TemporaryFolder folder;
  memory::Ledger ledger;
  ConversationStore store{{.memory = Bytes{}, .disk = 1_MiB, .folder = folder.path()}, ledger};
  const ConversationId id = store.add("a", {.fingerprint = "f",
                                            .tokens = {1, 2, 3},
                                            .positions = {0, 1, 2},
                                            .decoded = 3,
                                            .memory = engine::StateBytes(100, 7)});
  int pipe = -1;
  std::future<std::optional<run::SequenceSnapshot>> saving;
};

TEST_F(ConversationStoreTest, OneThatIsEndedWhileItIsSavedLeavesNothing) {
  store.end(id);
  close_pipe();
  EXPECT_TRUE(saving.get());
  EXPECT_EQ(store.swap_space().held().conversations, 0U);
  EXPECT_TRUE(ledger.empty());
}

TEST_F(ConversationStoreTest, OneThatIsSavedTwiceAtOnceIsThereForBoth) {
  auto again = std::async(std::launch::async, [this] { return store.save(id, keep_all); });
  (void)again.wait_for(std::chrono::milliseconds(20));  // where it does not wait, it has found nothing by then
  close_pipe();
  ASSERT_TRUE(saving.get());
  const auto second = again.get();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->tokens.size(), 3U);
}

TEST_F(ConversationStoreTest, WhatIsForgottenWhileItIsSavedIsForgotten) {
  auto forgetting = std::async(std::launch::async, [this] { store.forget_states_of("a"); });
  (void)forgetting.wait_for(std::chrono::milliseconds(20));
  close_pipe();
  EXPECT_TRUE(saving.get());
  forgetting.get();
  EXPECT_EQ(store.swap_space().held().conversations, 0U);
}

// While it lives this process gets no large block more.
class NoMoreMemory {
 public:
  NoMoreMemory() {
    EXPECT_EQ(getrlimit(RLIMIT_AS, &before_), 0);
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit small{.rlim_cur = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + kLittle.value(),
                       .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_AS, &small), 0);
  }
  ~NoMoreMemory() { setrlimit(RLIMIT_AS, &before_); }
  NoMoreMemory(const NoMoreMemory&) = delete;
  NoMoreMemory& operator=(const NoMoreMemory&) = delete;

  static constexpr Bytes kLittle = 16_MiB;

 private:
  rlimit before_{};
};

TEST(SavedConversationTest, OneThatCannotBeCopiedForWantOfMemoryIsStillThere) {
  const test::TemporaryFolder folder;
  memory::Ledger ledger;
  ConversationStore store({.memory = 1_GiB, .disk = Bytes{}, .folder = folder.path()}, ledger);
  const std::size_t size = NoMoreMemory::kLittle.value() * 4;
  const ConversationId id = store.add("a", {.fingerprint = "f",
                                            .tokens = {1, 2, 3},
                                            .positions = {0, 1, 2},
                                            .decoded = 3,
                                            .memory = engine::StateBytes(size, 7)});
  {
    const NoMoreMemory now;
    EXPECT_THROW((void)store.save(id, keep_all), std::bad_alloc);
  }
  const auto saved = store.save(id, keep_all);
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->memory.size(), size);
}

// A sequence that cannot even be read for want of memory.
class Unreadable final : public run::HeldSequence {
 public:
  explicit Unreadable(int& alive) : alive_(alive) { ++alive_; }
  ~Unreadable() override { --alive_; }
  Unreadable(const Unreadable&) = delete;
  Unreadable& operator=(const Unreadable&) = delete;
  const std::string& model_name() const override { return name_; }
  const engine::ModelFacts& model_facts() const override { throw std::bad_alloc(); }
  const engine::ContextFacts& context_facts() const override { throw std::bad_alloc(); }
  const engine::Model& vocabulary() const override { throw std::bad_alloc(); }
  std::string fingerprint() const override { return "f"; }
  void append(std::span<const engine::Token>) override {}
  std::size_t replace(std::span<const engine::Token>) override { return 0; }
  std::size_t waiting() const override { return 0; }
  bool has_logits() const override { return false; }
  std::vector<engine::Token> tokens() const override { throw std::bad_alloc(); }
  std::size_t size() const override { return 1; }
  engine::Position next_position() const override { return 1; }
  void copy_from(const run::HeldSequence&, std::size_t) override {}
  void rewind(std::size_t) override {}
  void refresh() override {}
  void clear() override {}
  void set_adapter_scales(std::span<const float>) override {}
  engine::AdapterScales adapter_scales() const override { return {}; }
  void set_weight(double) override {}
  run::SequenceSnapshot save() const override { throw std::bad_alloc(); }
  Bytes size_when_saved() const override { return 1_B; }
  std::unique_ptr<run::GenerationWork> work(run::Conversation&, run::GenerationParams) override {
    throw std::bad_alloc();
  }

 private:
  int& alive_;
  const std::string name_ = "a";
};

// Else they would outlive the context that they lie in.
TEST(SwappedOutConversationTest, OneThatCannotBeReadKeepsNoOtherInItsContext) {
  const test::TemporaryFolder folder;
  memory::Ledger ledger;
  ConversationStore store({.memory = 1_MiB, .disk = Bytes{}, .folder = folder.path()}, ledger);
  int alive = 0;
  for (int i = 0; i < 3; ++i) store.keep(store.create("a"), run::Conversation(std::make_unique<Unreadable>(alive)));
  ASSERT_EQ(alive, 3);
  Resident resident;
  resident.name = "a";
  EXPECT_NO_THROW(store.swap_out_all(resident, {}));
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace plimsoll::host
