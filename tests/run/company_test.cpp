#include "company.hpp"

#include <gtest/gtest.h>

#include <thread>
#include "base/clock.hpp"

namespace plimsoll::run {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Two sequences of one schedule, with its lock.
struct Table {
  std::mutex mutex;
  Company company;
  Company::Sequences sequences{std::make_shared<Sequence>(0), std::make_shared<Sequence>(1)};

  void wants_a_token(std::size_t who) {
    const Company::Entry lock(company, mutex);
    sequences[who]->tokens.push_back(1);
  }
  // Both are driven by threads of their own, or by one.
  void went_together(Clock::duration took, bool by_several) {
    const std::lock_guard lock(mutex);
    if (by_several) sequences[1]->driver = std::thread::id();
    sequences[0]->driver = std::this_thread::get_id();
    if (!by_several) sequences[1]->driver = std::this_thread::get_id();
    company.left({sequences[0].get(), sequences[1].get()}, took);
  }
  Clock::duration time_to_gather() {
    const auto begin = Clock::now();
    std::unique_lock lock(mutex);
    company.gather(lock, *sequences[0], sequences);
    return Clock::now() - begin;
  }
};

TEST(CompanyTest, WhoDrivesAllConversationsHasNoCompany) {
  Table table;
  table.went_together(10s, false);
  EXPECT_FALSE(table.sequences[0]->expected);
  EXPECT_FALSE(table.sequences[1]->expected);
}

TEST(CompanyTest, ThoseThatWentTogetherAreWaitedFor) {
  Table table;
  table.went_together(10s, true);
  EXPECT_TRUE(table.sequences[0]->expected);
  EXPECT_TRUE(table.sequences[1]->expected);
  table.wants_a_token(0);
  const auto begin = Clock::now();
  const std::jthread other([&] { table.wants_a_token(1); });
  (void)table.time_to_gather();
  const bool in_time = Clock::now() - begin < 50ms;  // else the other one was not given a core
  const std::lock_guard lock(table.mutex);
  EXPECT_TRUE(!in_time || table.sequences[1]->waiting() == 1U);
  EXPECT_FALSE(table.sequences[1]->expected);
}

TEST(CompanyTest, WhoDoesNotComeBackIsWaitedForOnce) {
  Table table;
  table.went_together(10s, true);
  table.wants_a_token(0);
  EXPECT_GE(table.time_to_gather(), 40ms);  // half of the batch would be longer than the longest wait
  EXPECT_FALSE(table.sequences[1]->expected);
}

TEST(CompanyTest, WhoIsHereIsNotExpectedAnyMore) {
  Table table;
  table.went_together(10s, true);
  table.wants_a_token(0);
  table.wants_a_token(1);
  (void)table.time_to_gather();
  EXPECT_FALSE(table.sequences[0]->expected);
  EXPECT_FALSE(table.sequences[1]->expected);
}

TEST(CompanyTest, WhoWasDecodedByAnotherLeavesTheOthersExpected) {
  Table table;
  table.went_together(10s, true);
  table.wants_a_token(0);
  std::jthread gathering([&] { (void)table.time_to_gather(); });
  std::this_thread::sleep_for(10ms);
  {
    const Company::Entry lock(table.company, table.mutex);
    std::this_thread::sleep_for(60ms);  // decoding takes longer than anybody is waited for
    table.sequences[0]->decoded = 1;
    table.company.left({table.sequences[0].get(), table.sequences[1].get()}, 10s);
  }
  gathering.join();
  EXPECT_TRUE(table.sequences[0]->expected);
  EXPECT_TRUE(table.sequences[1]->expected);
}

}  // namespace
}  // namespace plimsoll::run
