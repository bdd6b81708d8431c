#include "memory/ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>

#include <plimsoll/base/error.hpp>
#include "memory/event_log.hpp"

#include <ledger_history.hpp>

namespace plimsoll::memory {
namespace {

const device::DeviceId kGpu{"Vulkan0"};
const device::DeviceId kHost = device::host();

Tag tag(const std::string& owner, Stage stage = Stage::weights, const device::DeviceId& device = kGpu) {
  return {.device = device, .owner = owner, .stage = stage, .buffer = device.name()};
}

ErrorCode code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::internal;
}

RC_GTEST_PROP(LedgerProperty, AgreesWithNaiveAccountingAndEndsEmpty, ()) {
  Ledger ledger;
  History history(ledger);
  history.play(*steps());
  history.wind_up();
  RC_ASSERT(ledger.empty());
  for (const device::DeviceId& device : {kGpu, kHost}) RC_ASSERT(ledger.account(device).committed == 0_B);
}

TEST(LedgerTest, TakingWithinTheReservationNeedsNoRoomWhateverTheStage) {
  Ledger ledger;
  ledger.set_budget(kGpu, 100_B);
  const auto held = ledger.reserve("a", {{tag("a"), 60_B}, {tag("a", Stage::compute), 40_B}});
  ASSERT_TRUE(held);
  EXPECT_TRUE(ledger.take(tag("a", Stage::output), 100_B));
  EXPECT_FALSE(ledger.take(tag("a"), 1_B));
  EXPECT_FALSE(ledger.take(tag("b"), 1_B));
  EXPECT_EQ(ledger.reserved("a", kGpu).unused, 0_B);
}

TEST(LedgerTest, ARefusalTakesNothingOnAnyDeviceAndNamesTheOneThatIsOver) {
  Ledger ledger;
  ledger.set_budget(kGpu, 100_B);
  const auto held = ledger.reserve("big", {{tag("big"), 70_B}, {tag("big", Stage::kv_cache), 10_B}});
  const auto refused = ledger.reserve(
      "a", {{tag("a", Stage::weights, kHost), 500_B}, {tag("a"), 15_B}, {tag("a", Stage::compute), 6_B}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().device, kGpu);
  EXPECT_EQ(refused.error().requested, 21_B);
  EXPECT_EQ(refused.error().available, 20_B);
  EXPECT_EQ(refused.error().limit, 100_B);
  ASSERT_EQ(refused.error().largest.size(), 2U);
  EXPECT_EQ(refused.error().largest.front().tag, tag("big"));
  EXPECT_EQ(ledger.account(kHost).committed, 0_B);
  EXPECT_EQ(ledger.account(kGpu).committed, 80_B);
}

TEST(LedgerTest, ALoweredBudgetRefusesOnlyWhatIsNew) {
  Ledger ledger;
  auto held = ledger.reserve("a", {{tag("a"), 80_B}});
  ledger.set_budget(kGpu, 50_B);
  EXPECT_TRUE(ledger.take(tag("a"), 80_B));
  EXPECT_FALSE(ledger.take(tag("a"), 1_B));
  EXPECT_EQ(ledger.take(tag("b"), 1_B).error().available, 0_B);
  held->resize(tag("a"), 10_B);  // shrinking always succeeds
  EXPECT_EQ(ledger.account(kGpu).committed, 80_B);
}

TEST(LedgerTest, EntriesOfAnotherOwnerAreABrokenPromise) {
  Ledger ledger;
  EXPECT_EQ(code_of([&] { (void)ledger.reserve("a", {{tag("b"), 1_B}}); }), ErrorCode::internal);
  EXPECT_TRUE(ledger.empty());
}

TEST(LedgerTest, PageCacheIsShownAndHeldAgainstNoBudget) {
  Ledger ledger;
  ledger.set_budget(kHost, 10_B);
  ledger.note_uncharged(tag("a", Stage::weights, kHost), 5_GiB);
  EXPECT_EQ(ledger.taken_on(kHost), 0_B);
  EXPECT_TRUE(ledger.take(tag("a", Stage::compute, kHost), 10_B));
  ASSERT_EQ(ledger.entries_of("a").size(), 2U);
  EXPECT_FALSE(ledger.entries_of("a").front().charged);
  EXPECT_FALSE(ledger.empty());
}

TEST(ReservationTest, MovesAndGivesBackOnce) {
  static_assert(!std::is_copy_constructible_v<Reservation> && !std::is_copy_assignable_v<Reservation>);
  static_assert(std::is_nothrow_move_constructible_v<Reservation> && std::is_nothrow_move_assignable_v<Reservation>);
  Ledger ledger;
  {
    Reservation first = *ledger.reserve("a", {{tag("a"), 10_B}});
    Reservation second = std::move(first);
    EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): what a moved-from one answers is the point
    EXPECT_EQ(ledger.account(kGpu).reserved, 10_B);
    second = *ledger.reserve("a", {{tag("a"), 30_B}});
    EXPECT_EQ(ledger.account(kGpu).reserved, 30_B);
    second.release();
    second.release();
    EXPECT_EQ(ledger.account(kGpu).reserved, 0_B);
    first = *ledger.reserve("a", {{tag("a"), 5_B}});
  }
  EXPECT_TRUE(ledger.empty());
}

TEST(ReservationTest, OutlivesItsLedger) {
  auto ledger = std::make_unique<Ledger>();
  Reservation held = *ledger->reserve("a", {{tag("a"), 10_B}});
  ledger.reset();
  held.resize(tag("a"), 5_B);
  EXPECT_EQ(code_of([&] { held.resize(tag("b"), 5_B); }), ErrorCode::internal);
  EXPECT_TRUE(held.valid());
}

// Stands for an event that cannot be written: no memory, no time.
class BrokenClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { throw std::runtime_error("no time"); }
};

TEST(LedgerTest, AnEventThatCannotBeWrittenLosesItsLineAndNotTheBytes) {
  const BrokenClock clock;
  EventLog log(clock);
  Ledger ledger(&log);
  ledger.set_budget(kGpu, 10_B);
  {
    const Reservation held = *ledger.reserve("a", {{tag("a"), 5_B}});
    ASSERT_TRUE(ledger.take(tag("a"), 5_B));
    EXPECT_FALSE(ledger.take(tag("a"), 50_B));
    ledger.give_back(tag("a"), 5_B);
  }
  EXPECT_TRUE(ledger.empty());
  EXPECT_EQ(log.lost(), 6U);
}

// Eight threads wish for more than there is; between them they never cross the budget and leave nothing behind.
TEST(LedgerTest, ThreadsNeverCrossTheBudgetTogether) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 400;
  Ledger ledger;
  ledger.set_budget(kGpu, 1000_B);
  std::atomic<int> crossed{0};
  std::atomic<int> granted{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, owner = std::to_string(thread % 4)] {
        for (int round = 0; round < kRounds; ++round) {
          auto held = ledger.reserve(owner, {{tag(owner), 200_B}, {tag(owner, Stage::compute), 50_B}});
          const bool taken = ledger.take(tag(owner, Stage::output), 120_B).has_value();
          if (ledger.account(kGpu).committed > 1000_B) ++crossed;
          if (held) {
            ++granted;
            held->resize(tag(owner), 100_B);
          }
          if (taken) ledger.give_back(tag(owner, Stage::output), 120_B);
        }
      });
    }
  }
  EXPECT_EQ(crossed, 0);
  EXPECT_GT(granted, 0);
  EXPECT_TRUE(ledger.empty());
}

}  // namespace
}  // namespace plimsoll::memory
