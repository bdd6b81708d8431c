// Who is short asks others to let models go, and what it waits for is not for those who come later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "broker/machine_ledger.hpp"

#include "ledger_processes.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::broker {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

const MemoryKey kCard{.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"};

struct Member {
  explicit Member(const std::string& path, const std::string& program = "test")
      : ledger(MachineLedger::open({.program = program, .path = path})), card(ledger->account(kCard)) {}
  [[nodiscard]] ShownModel model(const std::string& name, bool can_go = true) const {
    return {.name = name,
            .can_go = can_go,
            .idle_since = boot_time(),
            .parts = {{.account = card, .reserved = 60_B, .taken = 50_B, .comes_back = 55_B}}};
  }
  [[nodiscard]] std::vector<Want> want(Bytes more, Bytes free) const {
    return {{.account = card, .more = more, .free = free}};
  }
  std::unique_ptr<MachineLedger> ledger;
  AccountId card;
};

class AskingTest : public testing::Test {
 protected:
  test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
};

TEST_F(AskingTest, ModelsThatMayGoAreOffered) {
  const Member a(path, "serve");
  const Member b(path);
  a.ledger->show({a.model("chat"), a.model("pinned", false)});
  const std::vector<Offer> offers = b.ledger->offers();
  ASSERT_EQ(offers.size(), 1U);
  EXPECT_EQ(offers.front().program, "serve");
  EXPECT_EQ(offers.front().pid, getpid());
  EXPECT_EQ(offers.front().model.name, "chat");
  EXPECT_EQ(offers.front().model.parts.front().account, b.card);
  EXPECT_EQ(offers.front().model.parts.front().comes_back, 55_B);
  EXPECT_THAT(a.ledger->offers(), IsEmpty());
}

TEST_F(AskingTest, WhatLiesElsewhereIsNotOffered) {
  const Member a(path);
  const auto b = MachineLedger::open({.program = "test", .path = path});
  (void)b->account({.pci = "0000:81:00.0", .uuid = {}, .name = "Vulkan0"});
  a.ledger->show({a.model("chat")});
  EXPECT_THAT(b->offers(), IsEmpty());
}

TEST_F(AskingTest, AnAskIsHeardOnceAndAnswered) {
  const Member a(path);
  const Member b(path, "generate");
  const Member c(path);
  a.ledger->show({a.model("chat")});
  const std::uint64_t ask = b.ledger->ask(b.ledger->offers().front(), true);
  EXPECT_EQ(b.ledger->answer_to(ask), Answer::none);
  EXPECT_THAT(c.ledger->asked(), IsEmpty());
  const std::vector<Asked> asked = a.ledger->asked();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked.front().model, "chat");
  EXPECT_EQ(asked.front().program, "generate");
  EXPECT_TRUE(asked.front().even_at_work);
  a.ledger->answer(asked.front().id, true);
  EXPECT_THAT(a.ledger->asked(), IsEmpty());
  EXPECT_EQ(b.ledger->answer_to(ask), Answer::goes);
  b.ledger->forget(ask);
  EXPECT_EQ(b.ledger->answer_to(ask), Answer::nobody);
}

TEST_F(AskingTest, ANoIsTold) {
  const Member a(path);
  const Member b(path);
  a.ledger->show({a.model("chat")});
  const std::uint64_t ask = b.ledger->ask(b.ledger->offers().front(), false);
  a.ledger->answer(a.ledger->asked().front().id, false);
  EXPECT_EQ(b.ledger->answer_to(ask), Answer::stays);
}

TEST_F(AskingTest, ADeadProcessOffersAndAnswersNothing) {
  const Member here(path);
  const Rendezvous there;
  const pid_t child = in_a_child([&] {
    const Member member(path);
    member.ledger->show({member.model("chat")});
    there.arrive();
    ::pause();
  });
  there.wait_for_arrival();
  const std::vector<Offer> offers = here.ledger->offers();
  ASSERT_EQ(offers.size(), 1U);
  const std::uint64_t ask = here.ledger->ask(offers.front(), false);
  kill_and_wait(child);
  EXPECT_EQ(here.ledger->answer_to(ask), Answer::nobody);
  EXPECT_THAT(here.ledger->offers(), IsEmpty());
}

TEST_F(AskingTest, ADeadProcessIsNotHeard) {
  const Member here(path);
  here.ledger->show({here.model("chat")});
  const pid_t child = in_a_child([&] {
    const Member member(path);
    (void)member.ledger->ask(member.ledger->offers().front(), false);
  });
  (void)wait_for(child);
  EXPECT_THAT(here.ledger->asked(), IsEmpty());
}

TEST_F(AskingTest, TheLatestAsksStand) {
  const Member a(path);
  const Member b(path);
  a.ledger->show({a.model("chat")});
  const Offer offer = b.ledger->offers().front();
  const std::uint64_t first = b.ledger->ask(offer, false);
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < MachineLedger::kMostAsks; ++i) last = b.ledger->ask(offer, false);
  EXPECT_EQ(b.ledger->answer_to(first), Answer::nobody);
  EXPECT_EQ(b.ledger->answer_to(last), Answer::none);
  EXPECT_EQ(a.ledger->asked().size(), MachineLedger::kMostAsks);
}

// There are sixteen places for answers: who asks does not lose its own to another one's.
TEST_F(AskingTest, ManyAsksOfSeveralAreAllAnsweredAndHeardOnce) {
  const Member a(path);
  const Member b(path);
  const Member c(path);
  a.ledger->show({a.model("chat")});
  std::vector<std::uint64_t> asks_of_b;
  std::vector<std::uint64_t> asks_of_c;
  for (std::size_t i = 0; i < MachineLedger::kMostAsks; ++i) {
    asks_of_b.push_back(b.ledger->ask(b.ledger->offers().front(), false));
    asks_of_c.push_back(c.ledger->ask(c.ledger->offers().front(), false));
  }
  std::set<std::uint64_t> heard;
  for (std::size_t rounds = 0; rounds < 2 * MachineLedger::kMostAsks; ++rounds) {
    for (const Asked& asked : a.ledger->asked()) {
      EXPECT_TRUE(heard.insert(asked.id).second) << "heard twice";
      a.ledger->answer(asked.id, true);
    }
    const auto forget_answered = [](const Member& who, std::vector<std::uint64_t>& asks) {
      std::erase_if(asks, [&](std::uint64_t ask) {
        if (who.ledger->answer_to(ask) != Answer::goes) return false;
        who.ledger->forget(ask);
        return true;
      });
    };
    forget_answered(b, asks_of_b);
    forget_answered(c, asks_of_c);
  }
  EXPECT_THAT(asks_of_b, IsEmpty());
  EXPECT_THAT(asks_of_c, IsEmpty());
  EXPECT_EQ(heard.size(), 2 * MachineLedger::kMostAsks);
}

const Member* asks_in_a_child = nullptr;
const Offer* asked_for_there = nullptr;
pid_t forked = -1;

// With the ledger's lock held: in the child nobody ever gives it back.
void fork_now() noexcept {
  (void)exchange_announced(nullptr);
  forked = in_a_child([] {
    (void)::alarm(20);
    MachineLedger& ledger = *asks_in_a_child->ledger;
    const bool is_nothing = ledger.offers().empty() && ledger.ask(*asked_for_there, false) == 0 &&
                            ledger.answer_to(1) == Answer::nobody && ledger.asked().empty();
    ledger.expect(asks_in_a_child->want(1_B, 1_B), 1h);
    ledger.expect_nothing();
    ledger.forget(1);
    ledger.answer(1, true);
    ::_exit(is_nothing ? 0 : 1);
  });
}

TEST_F(AskingTest, AForkedChildAsksNobodyAndWaitsForNoLockOfItsParents) {
  const Member a(path);
  const Member b(path);
  b.ledger->show({b.model("chat")});
  const std::vector<Offer> offers = a.ledger->offers();
  ASSERT_EQ(offers.size(), 1U);
  asks_in_a_child = &a;
  asked_for_there = &offers.front();
  (void)exchange_announced(fork_now);
  EXPECT_TRUE(a.ledger->reserve(a.ledger->moment(), a.want(10_B, 100_B)));
  ASSERT_GT(forked, 0);
  EXPECT_EQ(wait_for(forked), 0);
  EXPECT_EQ(b.ledger->others(b.card).promised, 10_B);
}

TEST_F(AskingTest, AsksOutliveDamage) {
  const Member a(path);
  const Member b(path);
  a.ledger->show({a.model("chat")});
  const std::uint64_t ask = b.ledger->ask(b.ledger->offers().front(), false);
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  b.ledger->mend();
  a.ledger->mend();
  b.ledger->mend();
  EXPECT_EQ(a.ledger->asked().size(), 1U);
  a.ledger->answer(ask, true);
  EXPECT_EQ(b.ledger->answer_to(ask), Answer::goes);
}

// --- what is waited for ---

TEST_F(AskingTest, WhatOneWaitsForIsNotForThoseWhoComeLater) {
  const Member a(path);
  const Member b(path);
  a.ledger->expect(a.want(80_B, 0_B), 1h);
  EXPECT_FALSE(b.ledger->reserve(b.ledger->moment(), b.want(21_B, 100_B)));
  EXPECT_EQ(b.ledger->others(b.card).promised, 80_B);
  EXPECT_EQ(b.ledger->others(b.card).reserved, 80_B);
  EXPECT_TRUE(b.ledger->reserve(b.ledger->moment(), b.want(20_B, 100_B)));
  EXPECT_TRUE(a.ledger->reserve(a.ledger->moment(), a.want(80_B, 100_B)));
}

TEST_F(AskingTest, OfTwoThatWaitTheFirstComesFirst) {
  const Member a(path);
  const Member b(path);
  a.ledger->expect(a.want(80_B, 0_B), 1h);
  std::this_thread::sleep_for(2ms);
  b.ledger->expect(b.want(80_B, 0_B), 1h);
  b.ledger->expect(b.want(80_B, 0_B), 1h);  // saying it again makes it no older
  EXPECT_FALSE(b.ledger->reserve(b.ledger->moment(), b.want(80_B, 100_B)));
  EXPECT_TRUE(a.ledger->reserve(a.ledger->moment(), a.want(80_B, 100_B)));
}

TEST_F(AskingTest, WhatIsReservedIsTakenOff) {
  const Member a(path);
  const Member b(path);
  a.ledger->expect(a.want(80_B, 0_B), 1h);
  ASSERT_TRUE(a.ledger->reserve(a.ledger->moment(), a.want(50_B, 100_B)));
  EXPECT_EQ(b.ledger->others(b.card).promised, 80_B);  // 50 reserved, 30 waited for
  a.ledger->expect_nothing();
  EXPECT_EQ(b.ledger->others(b.card).promised, 50_B);
}

TEST_F(AskingTest, AnExpectationEnds) {
  const Member a(path);
  const Member b(path);
  a.ledger->expect(a.want(80_B, 0_B), 0ms);
  EXPECT_TRUE(b.ledger->reserve(b.ledger->moment(), b.want(100_B, 100_B)));
}

TEST_F(AskingTest, TheDeadExpectNothing) {
  const Member here(path);
  const pid_t child = in_a_child([&] {
    const Member member(path);
    member.ledger->expect(member.want(80_B, 0_B), 1h);
    (void)::raise(SIGKILL);
  });
  (void)wait_for(child);
  EXPECT_TRUE(here.ledger->reserve(here.ledger->moment(), here.want(100_B, 100_B)));
}

}  // namespace
}  // namespace plimsoll::broker
