// Processes that die, are stopped, fork, or have another's number.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "broker/machine_ledger.hpp"

#include "ledger_file.hpp"
#include "ledger_processes.hpp"
#include "process_identity.hpp"
#include "records.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::broker {
namespace {

const MemoryKey kCard{.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"};

struct Member {
  explicit Member(const std::string& path, const MemoryKey& memory = kCard)
      : ledger(MachineLedger::open({.program = "test", .path = path})), card(ledger->account(memory)) {}
  std::expected<void, Short> reserve(Bytes more, Bytes free, std::optional<Bytes> limit = {}) const {
    return ledger->reserve(ledger->moment(),
                           std::vector<Want>{{.account = card, .more = more, .free = free, .limit = limit}});
  }
  std::unique_ptr<MachineLedger> ledger;
  AccountId card;
};

class DeadProcessesTest : public testing::Test {
 protected:
  // A child that has reserved and taken so much, and then waits to be killed.
  pid_t holder(Bytes reserved, Bytes taken, const MemoryKey& memory = kCard) {
    const Rendezvous there;
    const pid_t child = in_a_child([&] {
      const Member member(path, memory);
      if (!member.reserve(reserved, 1_GiB)) ::_exit(1);
      member.ledger->placed(member.card, taken);
      there.arrive();
      ::pause();
    });
    there.wait_for_arrival();
    return child;
  }

  test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
};

TEST_F(DeadProcessesTest, WhatAKilledProcessWasPromisedIsFreeAtOnce) {
  const Member here(path);
  const pid_t child = holder(60_B, 0_B);
  EXPECT_FALSE(here.reserve(41_B, 100_B));
  kill_and_wait(child);
  EXPECT_TRUE(here.reserve(100_B, 100_B));
}

TEST_F(DeadProcessesTest, WhatItHadTakenCountsUnderALimitUntilTheDeviceHasItBack) {
  const Member here(path);
  const pid_t child = holder(60_B, 48_B);
  kill_and_wait(child);
  const auto refused = here.reserve(60_B, 52_B, 100_B);  // the driver is at it
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().coming_back, 48_B);
  EXPECT_TRUE(here.reserve(60_B, 100_B, 100_B));  // it has come back
  EXPECT_EQ(here.ledger->others(here.card).coming_back, 0_B);
}

TEST_F(DeadProcessesTest, HostMemoryIsBackWhenItsProcessHasGone) {
  const Member here(path, host_key());
  const pid_t child = holder(60_B, 60_B, host_key());
  kill_and_wait(child);
  EXPECT_TRUE(here.reserve(100_B, 100_B, 100_B));
}

TEST_F(DeadProcessesTest, APlanSeesNoPromiseOfTheDead) {
  const Member here(path);
  const pid_t child = holder(60_B, 10_B);
  EXPECT_EQ(here.ledger->others(here.card, here.ledger->moment()).promised, 50_B);
  kill_and_wait(child);
  EXPECT_EQ(here.ledger->others(here.card, here.ledger->moment()).promised, 0_B);
}

TEST_F(DeadProcessesTest, ASlotOfADeadProcessIsTakenByTheNext) {
  for (std::size_t i = 0; i < kSlots + 10; ++i) kill_and_wait(holder(1_B, 0_B));
  const Member here(path);
  EXPECT_TRUE(here.ledger->is_on()) << here.ledger->why_off();
  EXPECT_TRUE(here.reserve(100_B, 100_B));
}

TEST_F(DeadProcessesTest, AProcessThatEndsOnItsOwnLeavesNothing) {
  const Member here(path);
  const pid_t child = in_a_child([&] {
    const Member member(path);
    (void)member.reserve(60_B, 100_B);
  });
  (void)wait_for(child);
  EXPECT_TRUE(here.reserve(100_B, 100_B));
}

// Stopped when its request is announced and not granted: others are not blocked, and what it may still be granted is
// not promised to them.
TEST_F(DeadProcessesTest, AProcessThatIsStoppedInTheMiddleBlocksNobody) {
  const Member here(path);
  const pid_t child = in_a_child([&] {
    const Member member(path);
    (void)exchange_announced([]() noexcept { (void)::raise(SIGSTOP); });
    ::_exit(member.reserve(60_B, 100_B) ? 0 : 1);
  });
  ASSERT_TRUE(WIFSTOPPED(wait_for(child, WUNTRACED)));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(here.reserve(30_B, 100_B));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  const auto refused = here.reserve(20_B, 100_B);  // it may be granted its 60 when it goes on
  ASSERT_FALSE(refused);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  (void)::kill(child, SIGCONT);
  const int status = wait_for(child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(here.reserve(20_B, 100_B));
}

TEST_F(DeadProcessesTest, AProcessThatIsKilledInTheMiddleLeavesNothing) {
  const Member here(path);
  const pid_t child = in_a_child([&] {
    const Member member(path);
    (void)exchange_announced([]() noexcept { (void)::raise(SIGKILL); });
    (void)member.reserve(60_B, 100_B);
  });
  (void)wait_for(child);
  EXPECT_TRUE(here.reserve(100_B, 100_B));
}

// It is stopped with the lock on the slot of a dead process, which it is about to clear.
TEST_F(DeadProcessesTest, AStoppedUndertakerKeepsNobodysMemory) {
  const Member here(path);
  const pid_t dead = holder(60_B, 0_B);
  EXPECT_EQ(here.ledger->others(here.card).reserved, 60_B);
  kill_and_wait(dead);
  const Rendezvous there;
  const pid_t undertaker = in_a_child([&] {
    auto file = LedgerFile::open({.path = path, .for_all = true}, LedgerFile::For::standing_in);
    if (!file) ::_exit(1);
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      if (file->index().active[slot] != 0) (void)file->lock(slot);
    }
    there.arrive();
    ::pause();
  });
  there.wait_for_arrival();
  EXPECT_TRUE(here.reserve(100_B, 100_B));
  EXPECT_TRUE(Member(path).ledger->is_on());
  kill_and_wait(undertaker);
}

// A process that has set the file up to its middle and does not go on.
TEST_F(DeadProcessesTest, AProcessStoppedWhileItSetsTheLedgerUpIsNotWaitedForLong) {
  const Rendezvous there;
  const pid_t child = in_a_child([&] {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_start = off_t{1} << 40U;
    lock.l_len = 1;
    if (file < 0 || ::fcntl(file, F_OFD_SETLK, &lock) != 0) ::_exit(1);
    there.arrive();
    ::pause();
  });
  there.wait_for_arrival();
  {
    const Member here(path);
    EXPECT_THAT(here.ledger->why_off(), testing::HasSubstr("does not go on"));
    EXPECT_TRUE(here.reserve(1_GiB, 1_B));
  }
  kill_and_wait(child);
  EXPECT_TRUE(Member(path).ledger->is_on());
}

// A child that was forked by a process in the ledger, and outlives it with all its open files.
TEST_F(DeadProcessesTest, AForkedChildNeitherStandsInTheLedgerNorKeepsItsParentsPlace) {
  const Member here(path);
  const Rendezvous there;
  const pid_t parent = in_a_child([&] {
    const Member member(path);
    if (!member.reserve(60_B, 100_B)) ::_exit(1);
    if (in_a_child([&] {
          const bool is_inert = !member.ledger->is_on() && member.reserve(1_GiB, 1_B).has_value();
          member.ledger->placed(member.card, 1_GiB);
          member.ledger->mend();
          if (is_inert) there.arrive();
          there.wait_to_go_on();
        }) < 0)
      ::_exit(1);
    ::pause();
  });
  there.wait_for_arrival();
  EXPECT_EQ(here.ledger->others(here.card, here.ledger->moment()).promised, 60_B);
  kill_and_wait(parent);
  EXPECT_TRUE(here.reserve(100_B, 100_B));
  there.let_go_on();
}

// A thread that does not exist in the child had the lock when it was forked.
TEST_F(DeadProcessesTest, AForkedChildWaitsForNoLockOfItsParent) {
  static const Rendezvous* there = nullptr;
  const Rendezvous rendezvous;
  there = &rendezvous;
  const Member member(path);
  (void)exchange_announced([]() noexcept {
    there->arrive();
    there->wait_to_go_on();
  });
  std::thread holds_it([&] { (void)member.reserve(60_B, 100_B); });
  there->wait_for_arrival();
  const pid_t child = in_a_child([&] {
    (void)::alarm(20);
    (void)member.ledger->moment();
    (void)member.ledger->others(member.card);
    const bool is_inert = !member.ledger->is_on() && member.ledger->reserve({}, {}).has_value();
    member.ledger->placed(member.card, 1_GiB);
    member.ledger->release(member.card, 1_GiB);
    member.ledger->show({});
    member.ledger->leave();
    ::_exit(is_inert ? 0 : 1);
  });
  EXPECT_EQ(wait_for(child), 0);
  (void)exchange_announced(nullptr);
  there->let_go_on();
  holds_it.join();
}

// --- numbers that are used again, and clocks ---

TEST(ProcessIdentityTest, AnotherProcessOfTheSameNumberIsNotTheSame) {
  const ProcessIdentity self = this_process();
  EXPECT_GT(self.start_ticks, 0U);
  EXPECT_EQ(fate_of(self, self.pid_namespace), Fate::there);
  ProcessIdentity earlier = self;
  earlier.start_ticks -= 1;
  EXPECT_EQ(fate_of(earlier, self.pid_namespace), Fate::gone);
}

TEST(ProcessIdentityTest, AProcessThatHasEndedIsGone) {
  ProcessIdentity process = this_process();
  process.pid = in_a_child([] {});
  (void)wait_for(process.pid);
  process.start_ticks = 0;
  EXPECT_EQ(fate_of(process, process.pid_namespace), Fate::gone);
}

TEST(ProcessIdentityTest, OfAnotherNamespaceNothingIsKnown) {
  ProcessIdentity process = this_process();
  process.pid_namespace += 1;
  process.pid = 999'999'999;
  EXPECT_EQ(fate_of(process, this_process().pid_namespace), Fate::unknown);
}

// Somebody has the lock (the forked child of a dead process), but the number is another process's by now.
TEST_F(DeadProcessesTest, APidThatIsUsedAgainKeepsNoPromise) {
  const Member here(path);
  const pid_t child = holder(60_B, 0_B);
  EXPECT_FALSE(here.reserve(41_B, 100_B));
  auto file = LedgerFile::open({.path = path, .for_all = true}, LedgerFile::For::standing_in);
  ASSERT_TRUE(file);
  auto identity = file->read<Identity>(1);
  ASSERT_TRUE(identity);
  ASSERT_EQ(identity->pid, child);
  identity->start_ticks -= 1;
  ASSERT_TRUE(file->write(1, *identity));
  EXPECT_TRUE(here.reserve(100_B, 100_B));
  kill_and_wait(child);
}

// Times in the ledger are of a clock that nobody sets; one that lies ahead is damage, and not waited for.
TEST_F(DeadProcessesTest, ADeathInTheFutureIsNotWaitedFor) {
  const Member here(path);
  const pid_t child = holder(60_B, 60_B);
  kill_and_wait(child);
  EXPECT_FALSE(here.reserve(60_B, 10_B, 100_B));
  auto file = LedgerFile::open({.path = path, .for_all = true}, LedgerFile::For::standing_in);
  auto numbers = file->read<Numbers>(1);
  ASSERT_TRUE(numbers);
  ASSERT_GT(numbers->died_ms, 0U);
  numbers->died_ms += 3'600'000;
  ASSERT_TRUE(file->write(1, *numbers));
  EXPECT_TRUE(here.reserve(60_B, 60_B, 100_B));
}

}  // namespace
}  // namespace plimsoll::broker
