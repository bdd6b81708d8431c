// Several processes in one ledger: what each sees of the others, and what is left when one has gone.
#include "broker/machine_ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "ledger_processes.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::broker {
namespace {

using testing::HasSubstr;

const MemoryKey kCard{.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"};

class MachineLedgerTest : public testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<MachineLedger> open(const std::string& program = "test") const {
    return MachineLedger::open({.program = program, .path = path});
  }
  static std::expected<void, Short> reserve(MachineLedger& ledger, AccountId account, Bytes more, Bytes free) {
    return ledger.reserve(ledger.moment(), std::vector<Want>{{.account = account, .more = more, .free = free}});
  }

  test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
};

// One process that stands in the ledger with a card of its own.
struct Member {
  explicit Member(std::unique_ptr<MachineLedger> opened, const MemoryKey& memory = kCard)
      : ledger(std::move(opened)), card(ledger->account(memory)) {}
  std::expected<void, Short> reserve(Bytes more, Bytes free) const {
    return ledger->reserve(ledger->moment(), std::vector<Want>{{.account = card, .more = more, .free = free}});
  }
  std::unique_ptr<MachineLedger> ledger;
  AccountId card;
};

TEST_F(MachineLedgerTest, APromiseOfOneIsNotFreeForTheOther) {
  const Member a(open());
  const Member b(open());
  ASSERT_TRUE(a.ledger->is_on()) << a.ledger->why_off();
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  const auto refused = b.reserve(41_B, 100_B);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().available, 40_B);
  EXPECT_EQ(refused.error().promised, 60_B);
  EXPECT_FALSE(refused.error().by_limit);
  EXPECT_TRUE(b.reserve(40_B, 100_B));
  EXPECT_FALSE(a.reserve(1_B, 100_B));
}

TEST_F(MachineLedgerTest, WhatIsTakenIsInTheReadingAndNotSubtractedTwice) {
  const Member a(open());
  const Member b(open());
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  a.ledger->placed(a.card, 50_B);
  EXPECT_EQ(b.ledger->others(b.card, b.ledger->moment()).promised, 10_B);
  EXPECT_EQ(b.ledger->others(b.card).reserved, 60_B);
  EXPECT_FALSE(b.reserve(41_B, 50_B));
  EXPECT_TRUE(b.reserve(40_B, 50_B));
}

TEST_F(MachineLedgerTest, WhatWasTakenAfterTheMomentIsNotTakenForInTheReading) {
  const Member a(open());
  const Member b(open());
  const Moment before = b.ledger->moment();
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  a.ledger->placed(a.card, 60_B);
  EXPECT_FALSE(b.ledger->reserve(before, std::vector<Want>{{.account = b.card, .more = 41_B, .free = 100_B}}));
}

TEST_F(MachineLedgerTest, ReleasedBytesAreForOthers) {
  const Member a(open());
  const Member b(open());
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  a.ledger->placed(a.card, 60_B);
  a.ledger->leaving(a.card, 60_B);
  EXPECT_EQ(b.ledger->others(b.card, b.ledger->moment()).promised, 60_B);  // promised again, until it is released
  a.ledger->release(a.card, 60_B);
  EXPECT_EQ(b.ledger->others(b.card, b.ledger->moment()).promised, 0_B);
  EXPECT_TRUE(b.reserve(100_B, 100_B));
}

TEST_F(MachineLedgerTest, AllMemoriesOrNone) {
  const Member a(open());
  const Member b(open());
  const AccountId host = b.ledger->account(host_key());
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  const std::vector<Want> wants{{.account = host, .more = 10_B, .free = 1000_B},
                                {.account = b.card, .more = 41_B, .free = 100_B}};
  const auto refused = b.ledger->reserve(b.ledger->moment(), wants);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().account, b.card);
  const Member c(open(), host_key());
  EXPECT_EQ(c.ledger->others(c.card).reserved, 0_B);
}

TEST_F(MachineLedgerTest, OneCardIsOneMemoryWhateverItIsCalled) {
  const Member vulkan(open(), {.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan1"});
  const Member cuda(open(), {.pci = "0000:c1:00.0", .uuid = "5c7a", .name = "CUDA0"});
  const Member another(open(), {.pci = "0000:81:00.0", .uuid = {}, .name = "Vulkan0"});
  ASSERT_TRUE(vulkan.reserve(60_B, 100_B));
  EXPECT_EQ(cuda.ledger->others(cuda.card).reserved, 60_B);
  EXPECT_EQ(another.ledger->others(another.card).reserved, 0_B);
}

TEST_F(MachineLedgerTest, SlicesOfACardAreMemoriesOfTheirOwn) {
  const Member a(open(), {.pci = "0000:c1:00.0", .uuid = "slice-a", .name = "CUDA0"});
  const Member b(open(), {.pci = "0000:c1:00.0", .uuid = "slice-b", .name = "CUDA0"});
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  EXPECT_EQ(b.ledger->others(b.card).reserved, 0_B);
}

TEST_F(MachineLedgerTest, AMemoryIsOneAccountAndLearnsItsUuid) {
  const auto ledger = open();
  const AccountId first = ledger->account({.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"});
  EXPECT_EQ(ledger->account({.pci = "0000:c1:00.0", .uuid = "a", .name = "CUDA0"}), first);
  EXPECT_EQ(ledger->account({.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"}), first);
  EXPECT_NE(ledger->account({.pci = "0000:c1:00.0", .uuid = "b", .name = "CUDA1"}), first);
}

TEST_F(MachineLedgerTest, AnAccountThatIsOpenedLaterSeesWhatWasReservedBefore) {
  const Member a(open());
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  const auto b = open();
  EXPECT_FALSE(b->reserve(b->moment(), std::vector<Want>{{.account = b->account(kCard), .more = 41_B, .free = 100_B}}));
}

TEST_F(MachineLedgerTest, MoreMemoriesThanFitHaveNoAccount) {
  const auto ledger = open();
  for (std::size_t i = 0; i < MachineLedger::kMostAccounts; ++i)
    EXPECT_EQ(ledger->account({.pci = {}, .uuid = {}, .name = "device" + std::to_string(i)}), i);
  const AccountId beyond = ledger->account({.pci = {}, .uuid = {}, .name = "one more"});
  EXPECT_EQ(beyond, MachineLedger::kNoAccount);
  EXPECT_TRUE(reserve(*ledger, beyond, 1_GiB, 1_B));
  ledger->placed(beyond, 1_B);
  ledger->leaving(beyond, 1_B);
  ledger->release(beyond, 1_B);
  EXPECT_EQ(ledger->others(beyond).reserved, 0_B);
}

TEST_F(MachineLedgerTest, ALimitIsForAllTogether) {
  const Member a(open());
  const Member b(open());
  ASSERT_TRUE(a.reserve(60_B, 1000_B));
  a.ledger->placed(a.card, 60_B);
  const auto asks = [&](Bytes more) {
    return b.ledger->reserve(b.ledger->moment(),
                             std::vector<Want>{{.account = b.card, .more = more, .free = 1000_B, .limit = 100_B}});
  };
  const auto refused = asks(41_B);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().by_limit);
  EXPECT_EQ(refused.error().available, 40_B);
  EXPECT_TRUE(asks(40_B));
}

TEST_F(MachineLedgerTest, WhatIsThereAlreadyIsCountedAndNotRefused) {
  const Member a(open());
  const Member b(open());
  a.ledger->reserve_anyway(a.card, 500_B);
  EXPECT_EQ(b.ledger->others(b.card).reserved, 500_B);
}

TEST_F(MachineLedgerTest, WhoLeavesLeavesNothing) {
  const Member b(open());
  {
    const Member a(open());
    ASSERT_TRUE(a.reserve(60_B, 100_B));
    a.ledger->placed(a.card, 60_B);
    EXPECT_EQ(b.ledger->others(b.card).reserved, 60_B);
  }
  EXPECT_EQ(b.ledger->others(b.card).reserved, 0_B);
  EXPECT_EQ(b.ledger->others(b.card).coming_back, 0_B);
  EXPECT_TRUE(b.reserve(100_B, 100_B));
}

TEST_F(MachineLedgerTest, WhoHasLeftIsGrantedEverything) {
  const Member a(open());
  const Member b(open());
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  a.ledger->leave();
  EXPECT_FALSE(a.ledger->is_on());
  EXPECT_TRUE(b.reserve(100_B, 100_B));
  EXPECT_TRUE(a.reserve(1_GiB, 1_B));
  a.ledger->mend();
  EXPECT_EQ(picture_of_machine(path)->processes.size(), 1U);
}

// Two copies of this part in one process: a guard's, and the program's own.
TEST_F(MachineLedgerTest, AProcessThatStandsThereAlreadyIsNotCountedTwice) {
  std::optional<Member> own(open());
  const auto guard = MachineLedger::open({.program = "guard", .path = path, .unless_there = true});
  EXPECT_FALSE(guard->is_on());
  EXPECT_EQ(guard->why_off(), "this process stands in it already");
  own.reset();
  EXPECT_TRUE(MachineLedger::open({.program = "guard", .path = path, .unless_there = true})->is_on());
}

TEST_F(MachineLedgerTest, TurnedOffEverythingIsGrantedAndNobodyIsSeen) {
  const auto ledger = MachineLedger::open({.program = "test", .path = "off"});
  EXPECT_FALSE(ledger->is_on());
  EXPECT_THAT(ledger->why_off(), HasSubstr("turned off"));
  EXPECT_EQ(ledger->path(), "");
  const AccountId card = ledger->account(kCard);
  EXPECT_TRUE(reserve(*ledger, card, 60_GiB, 1_B));
  ledger->placed(card, 1_B);
  ledger->leaving(card, 1_B);
  ledger->release(card, 60_GiB);
  ledger->mend();
  ledger->show({{.name = "a"}});
  EXPECT_EQ(ledger->others(card, ledger->moment()).reserved, 0_B);
}

TEST_F(MachineLedgerTest, ThePictureShowsEverybodyWithTheirModels) {
  const Member a(open("serve"));
  const Member b(open("generate"));
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  a.ledger->placed(a.card, 50_B);
  const ShownModel model{.name = "chat",
                         .work = Work::busy,
                         .can_go = true,
                         .priority = -3,
                         .idle_since = BootTime(1234),
                         .reload_time = std::chrono::milliseconds(800),
                         .process = 4712,
                         .restarts = 3,
                         .parts = {{.account = a.card, .reserved = 60_B, .taken = 50_B}}};
  a.ledger->show({model});
  const auto picture = picture_of_machine(path);
  ASSERT_TRUE(picture) << picture.error();
  EXPECT_EQ(picture->path, path);
  EXPECT_EQ(picture->damaged, 0U);
  ASSERT_EQ(picture->processes.size(), 2U);
  const ShownProcess& shown = picture->processes.front();
  EXPECT_EQ(shown.program, "serve");
  EXPECT_EQ(shown.pid, getpid());
  EXPECT_TRUE(shown.is_alive);
  EXPECT_TRUE(shown.same_pids);
  ASSERT_EQ(shown.accounts.size(), 1U);
  EXPECT_EQ(shown.accounts.front(), (ShownAccount{.memory = kCard, .reserved = 60_B, .taken = 50_B}));
  ASSERT_EQ(shown.models.size(), 1U);
  EXPECT_EQ(shown.models.front(), model);
  EXPECT_EQ(picture->processes.back().program, "generate");
}

TEST_F(MachineLedgerTest, ModelsBeyondWhatAnEntryShowsAreCounted) {
  const Member a(open());
  a.ledger->show(std::vector<ShownModel>(300, {.name = std::string(200, 'x')}));
  const auto picture = picture_of_machine(path);
  ASSERT_EQ(picture->processes.size(), 1U);
  EXPECT_EQ(picture->processes.front().models.size() + picture->processes.front().models_left_out, 300U);
  EXPECT_EQ(picture->processes.front().models.front().name, std::string(ShownModel::kLongestName, 'x'));
}

TEST_F(MachineLedgerTest, ALedgerThatNobodyMadeIsAnEmptyPicture) {
  const auto picture = picture_of_machine(path);
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->path, "");
  EXPECT_TRUE(picture->processes.empty());
  EXPECT_FALSE(std::filesystem::exists(path));  // looking makes none
}

// Many threads of one process and several members at once: what is held never passes what there is.
TEST_F(MachineLedgerTest, OfManyThatWantTheSameBytesNoneHasThemTwice) {
  constexpr int kMembers = 8;
  constexpr std::uint64_t kThere = 100;
  std::atomic<std::uint64_t> held = 0;
  std::atomic<int> crossings = 0;
  std::atomic<int> granted = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kMembers; ++i) {
      threads.emplace_back([&, i] {
        const Member member(open());
        const Bytes wanted{static_cast<std::uint64_t>(20 + i * 7)};
        for (int round = 0; round < 300; ++round) {
          if (!member.reserve(wanted, Bytes{kThere})) continue;  // all stays promised: the reading never changes
          ++granted;
          if (held.fetch_add(wanted.value()) + wanted.value() > kThere) ++crossings;
          held.fetch_sub(wanted.value());
          member.ledger->release(member.card, wanted);
        }
      });
    }
  }
  EXPECT_EQ(crossings, 0);
  EXPECT_GT(granted, kMembers * 10);
}

}  // namespace
}  // namespace plimsoll::broker
