#include "swap_space.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "memory/outer_ledger.hpp"
#include "run/state_archive.hpp"

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::host {
namespace {

namespace fs = std::filesystem;
using plimsoll::test::expect_error;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Three tokens and their positions.
constexpr Bytes kTokens = 24_B;

run::SequenceSnapshot snapshot(std::size_t bytes, std::uint8_t fill = 7) {
  return {.fingerprint = "f",
          .tokens = {1, 2, 3},
          .positions = {0, 1, 2},
          .decoded = 3,
          .memory = engine::StateBytes(bytes, fill)};
}

run::SequenceSnapshot with_a_picture(std::size_t bytes) {
  run::SequenceSnapshot out = snapshot(bytes);
  out.tokens[1] = LLAMA_TOKEN_NULL;
  return out;
}

void put(SwapSpace& swap, std::uint64_t id, run::SequenceSnapshot snapshot) {
  run::SequenceSnapshot alone;
  alone.tokens = snapshot.tokens;
  const Bytes size = snapshot.size();
  swap.put(id, alone, size, [&] { return std::move(snapshot); });
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".plimsoll") files.push_back(entry.path());
  }
  return files;
}

class SwapSpaceTest : public ::testing::Test {
 protected:
  SwapLimits limits(Bytes memory, Bytes disk) const {
    return {.memory = memory, .disk = disk, .folder = folder.path()};
  }
  [[nodiscard]] Bytes committed() const { return ledger.account(device::host()).committed; }
  // What is charged is what is kept.
  void expect_charged(const SwapSpace& swap) const {
    EXPECT_EQ(committed(), swap.held().in_memory + swap.held().tokens);
  }
  plimsoll::test::TemporaryFolder folder;
  memory::Ledger ledger;
};

TEST_F(SwapSpaceTest, GivesBackWhatWasSwappedOutOnce) {
  SwapSpace swap(limits(1_KiB, 1_KiB), ledger);
  put(swap, 1, snapshot(100));
  put(swap, 2, snapshot(50, 9));
  EXPECT_EQ(swap.held().in_memory, 150_B);
  expect_charged(swap);
  {
    const auto back = swap.take(2);
    EXPECT_EQ(back->snapshot.memory, snapshot(50, 9).memory);
    EXPECT_EQ(committed(), 150_B + kTokens * 2);  // for as long as it lives
  }
  expect_charged(swap);
  EXPECT_FALSE(swap.take(2));
  swap.forget(1);
  EXPECT_EQ(swap.held().conversations, 0U);
  EXPECT_TRUE(ledger.empty());
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
}

TEST_F(SwapSpaceTest, TheLongestSwappedOutGoToDiskAndThenToTheirTokens) {
  SwapSpace swap(limits(200_B, 100_B), ledger);
  for (std::uint64_t id = 1; id <= 4; ++id) put(swap, id, snapshot(100, static_cast<std::uint8_t>(id)));
  EXPECT_EQ(swap.held().in_memory, 200_B);
  EXPECT_EQ(swap.held().on_disk, 100_B);
  expect_charged(swap);
  EXPECT_THAT(files_in(folder.path()), SizeIs(1));
  const auto first = swap.take(1);
  EXPECT_EQ(first->snapshot.memory, snapshot(100, 1).memory);
  EXPECT_EQ(first->snapshot.decoded, 3U);
  const auto second = swap.take(2);
  EXPECT_THAT(second->snapshot.memory, IsEmpty());
  EXPECT_EQ(second->snapshot.decoded, 0U);
  EXPECT_THAT(second->snapshot.tokens, SizeIs(3));
  EXPECT_EQ(swap.take(4)->snapshot.memory, snapshot(100, 4).memory);
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
}

TEST_F(SwapSpaceTest, WhatIsSwappedOutIsWithinTheHostsBudgetWhateverItsOwnLimitsAllow) {
  ledger.set_budget(device::host(), 400_B);
  SwapSpace swap(limits(1_MiB, 1_MiB), ledger);
  for (std::uint64_t id = 1; id <= 8; ++id) {
    put(swap, id, snapshot(100, static_cast<std::uint8_t>(id)));
    EXPECT_LE(committed(), 400_B);
    expect_charged(swap);
  }
  EXPECT_GT(swap.held().in_memory, 0_B);
  EXPECT_EQ(swap.held().in_memory + swap.held().on_disk, 800_B);
  for (std::uint64_t id = 1; id <= 8; ++id)
    EXPECT_EQ(swap.take(id)->snapshot.memory, snapshot(100, static_cast<std::uint8_t>(id)).memory);
  EXPECT_TRUE(ledger.empty());
}

TEST_F(SwapSpaceTest, WhatDoesNotFitIntoTheBudgetIsNotEvenMade) {
  ledger.set_budget(device::host(), 100_B);
  SwapSpace swap(limits(1_MiB, 1_MiB), ledger);
  bool saved = false;
  run::SequenceSnapshot alone;
  alone.tokens = {1, 2, 3};
  swap.put(1, alone, 200_B, [&] {
    saved = true;
    return snapshot(200);
  });
  EXPECT_FALSE(saved);
  EXPECT_EQ(swap.take(1)->snapshot.decoded, 0U);
}

TEST_F(SwapSpaceTest, SavingThatFailsLeavesTheTokens) {
  SwapSpace swap(limits(1_MiB, 1_MiB), ledger);
  run::SequenceSnapshot alone;
  alone.tokens = {1, 2, 3};
  swap.put(1, alone, 200_B, []() -> run::SequenceSnapshot { throw std::runtime_error("the device is lost"); });
  EXPECT_EQ(committed(), 12_B);
  const auto back = swap.take(1);
  EXPECT_EQ(back->snapshot.tokens, alone.tokens);
  EXPECT_EQ(back->snapshot.decoded, 0U);
}

TEST_F(SwapSpaceTest, WhatStandsInAModelsWayLeavesTheMemory) {
  SwapSpace swap(limits(1_MiB, 1_MiB), ledger);
  for (std::uint64_t id = 1; id <= 4; ++id) put(swap, id, snapshot(100));
  swap.give_way(150_B);
  EXPECT_EQ(swap.held().in_memory, 200_B);
  EXPECT_EQ(swap.held().on_disk, 200_B);
  swap.give_way(1_GiB);
  EXPECT_EQ(swap.held().in_memory, 0_B);
  EXPECT_EQ(committed(), kTokens * 4);
}

// Pictures are kept as what was computed of them: without that there is nothing to begin again with.
TEST_F(SwapSpaceTest, AConversationWithPicturesThatCannotBeKeptIsLostAndSaysSoOnce) {
  SwapSpace swap(limits(0_B, 0_B), ledger);
  put(swap, 1, with_a_picture(100));
  EXPECT_TRUE(ledger.empty());
  expect_error(ErrorCode::unsupported, "conversation 1 begins anew", [&] { (void)swap.take(1); });
  EXPECT_FALSE(swap.take(1));
  put(swap, 2, with_a_picture(100));
  swap.forget(2);
  EXPECT_FALSE(swap.take(2));
}

TEST_F(SwapSpaceTest, OneWithPicturesGoesToDiskAndComesBack) {
  SwapSpace swap(limits(0_B, 1_KiB), ledger);
  put(swap, 1, with_a_picture(100));
  EXPECT_EQ(swap.take(1)->snapshot.memory, with_a_picture(100).memory);
}

TEST_F(SwapSpaceTest, OneWithPicturesWhoseFileIsDamagedIsLostAndSaysSoOnceItIsWanted) {
  SwapSpace swap(limits(0_B, 1_KiB), ledger);
  put(swap, 1, with_a_picture(100));
  fs::resize_file(files_in(folder.path()).front(), 10);
  swap.drop_memory(1);
  expect_error(ErrorCode::unsupported, "conversation 1 begins anew", [&] { (void)swap.take(1); });
  EXPECT_TRUE(ledger.empty());
}

TEST_F(SwapSpaceTest, OneWithPicturesThatHasNoRoomNowStaysOnDisk) {
  SwapSpace swap(limits(0_B, 1_KiB), ledger);
  put(swap, 1, with_a_picture(100));
  ledger.set_budget(device::host(), 60_B);
  for (int i = 0; i < 2; ++i) {
    expect_error(ErrorCode::over_budget, "no room for conversation 1", [&] { (void)swap.take(1); });
    EXPECT_FALSE(swap.take_for_another(1));
    EXPECT_EQ(swap.held().on_disk, 100_B);
    EXPECT_EQ(swap.held().conversations, 1U);
    expect_charged(swap);
  }
  ledger.set_budget(device::host(), 1_KiB);
  EXPECT_EQ(swap.take(1)->snapshot.memory, with_a_picture(100).memory);
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
  EXPECT_TRUE(ledger.empty());
}

TEST_F(SwapSpaceTest, ThatItIsLostIsToldToItsOwnAndToNobodyElse) {
  SwapSpace swap(limits(0_B, 1_KiB), ledger);
  put(swap, 1, with_a_picture(2000));
  put(swap, 2, with_a_picture(100));
  fs::resize_file(files_in(folder.path()).front(), 10);
  for (const std::uint64_t id : {1U, 2U}) {
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(swap.take_for_another(id)) << id;
    expect_error(ErrorCode::unsupported, "begins anew", [&] { (void)swap.take(id); });
  }
  EXPECT_TRUE(ledger.empty());
}

TEST_F(SwapSpaceTest, ADiskThatFailsLeavesTheTokens) {
  const std::string file = folder.write("not-a-folder", "x");
  SwapSpace swap({.memory = 0_B, .disk = 1_KiB, .folder = file}, ledger);
  put(swap, 1, snapshot(100));
  EXPECT_EQ(swap.held().on_disk, 0_B);
  EXPECT_EQ(swap.take(1)->snapshot.decoded, 0U);
}

TEST_F(SwapSpaceTest, FilesGoWithTheSwap) {
  {
    SwapSpace swap(limits(0_B, 1_KiB), ledger);
    put(swap, 1, snapshot(100));
    EXPECT_THAT(files_in(folder.path()), SizeIs(1));
  }
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
  EXPECT_TRUE(ledger.empty());
}

// A device that cannot be read just when more has to be asked for than was said.
TEST_F(SwapSpaceTest, WhatIsLargerThanItWasSaidAndCannotBeAskedForStaysAsItsTokens) {
  class Broken final : public memory::OuterLedger {
   public:
    void look(const std::vector<device::DeviceId>&, std::chrono::milliseconds) override {
      if (std::exchange(is_broken, false)) throw std::runtime_error("cannot be read");
    }
    std::expected<void, memory::Refusal> reserve(const std::vector<More>&) override { return {}; }
    void reserve_anyway(const device::DeviceId&, Bytes) noexcept override {}
    void release(const device::DeviceId&, Bytes) noexcept override {}
    void placed(const device::DeviceId&, Bytes) noexcept override {}
    void leaving(const device::DeviceId&, Bytes) noexcept override {}
    bool is_broken = false;
  };
  Broken outer;
  memory::Ledger asks_others(nullptr, &outer);
  {
    SwapSpace swap(limits(1_MiB, 1_MiB), asks_others);
    run::SequenceSnapshot alone;
    alone.tokens = {1, 2, 3};
    swap.put(1, alone, 10_B, [&] {
      outer.is_broken = true;
      return snapshot(1'000);
    });
    const auto back = swap.take(1);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->snapshot.decoded, 0U);
    EXPECT_THAT(back->snapshot.tokens, SizeIs(3));
  }
  EXPECT_TRUE(asks_others.empty());
}

// The disk of this test is a pipe that nobody reads: whoever writes stands still.
TEST_F(SwapSpaceTest, WhatIsHeldIsToldWhileADiskIsSlow) {
  SwapSpace swap(limits(1_GiB, 1_GiB), ledger);
  put(swap, 1, snapshot(1'000'000));
  swap.give_way(1_B);  // makes the folder of this process
  const fs::path pipe = files_in(folder.path()).front().parent_path() / "2.plimsoll";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  put(swap, 2, snapshot(1'000'000));
  std::jthread leaving([&] { swap.give_way(1_B); });
  const int read_end = open(pipe.c_str(), O_RDONLY);  // opened: it writes now, and the pipe is soon full
  ASSERT_GE(read_end, 0);
  EXPECT_EQ(swap.held().conversations, 2U);
  put(swap, 3, snapshot(100));
  EXPECT_EQ(swap.take(3)->snapshot.memory.size(), 100U);
  std::array<char, 65536> block{};
  while (read(read_end, block.data(), block.size()) > 0) {
  }
  leaving.join();
  close(read_end);
  EXPECT_EQ(swap.held().in_memory, 0_B);
}

TEST_F(SwapSpaceTest, SeveralThreadsSwapOutAndComeBack) {
  ledger.set_budget(device::host(), 2'000_B);
  std::atomic<int> wrong = 0;
  {
    SwapSpace swap(limits(1'000_B, 1'000_B), ledger);
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < 6; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 100; ++i) {
          put(swap, thread, snapshot(300, static_cast<std::uint8_t>(thread)));
          if (ledger.account(device::host()).committed > 2'000_B) ++wrong;
          const auto back = swap.take(thread);
          if (!back || back->snapshot.tokens.size() != 3) ++wrong;
          if (back && back->snapshot.decoded > 0 &&
              back->snapshot.memory != snapshot(300, static_cast<std::uint8_t>(thread)).memory)
            ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(ledger.empty());
}

// A process that is killed while it swaps out leaves whole files, and the next one clears them away; those of a living
// one stay.
TEST_F(SwapSpaceTest, AKilledProcessLeavesWholeFilesAndTheNextOneDeletesThem) {
  for (const int milliseconds : {5, 20, 60}) {
    const pid_t child = fork();
    if (child == 0) {
      SwapSpace swap(limits(0_B, 1_GiB), ledger);
      for (std::uint64_t id = 0;; ++id) put(swap, id % 5, snapshot(200'000));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (const fs::path& file : files_in(folder.path()))
      EXPECT_NO_THROW((void)run::read_sequence_archive(file)) << file;
  }
  SwapSpace living(limits(0_B, 1_GiB), ledger);
  put(living, 1, snapshot(10));
  EXPECT_THAT(files_in(folder.path()), SizeIs(1));
  SwapSpace another(limits(0_B, 1_GiB), ledger);
  put(another, 1, snapshot(10));
  EXPECT_THAT(files_in(folder.path()), SizeIs(2));
}

}  // namespace
}  // namespace plimsoll::host
