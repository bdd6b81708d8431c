#include "company.hpp"

#include <gtest/gtest.h>

#include <thread>

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
    const std::lock_guard lock(mutex);
    sequences[who]->tokens.push_back(1);
    company.came();
  }
  Clock::duration time_to_gather() {
    const auto begin = Clock::now();
    std::unique_lock lock(mutex);
    company.gather(lock, sequences);
    return Clock::now() - begin;
  }
};

TEST(CompanyTest, WhoDecodesAloneNeverWaits) {
  Table table;
  EXPECT_LT(table.time_to_gather(), 5ms);
  {
    const Company::Guest guest(*table.sequences[0]);  // one thread that drives both conversations by itself
    table.company.left(table.sequences, 1s);
  }
  table.wants_a_token(1);
  EXPECT_LT(table.time_to_gather(), 5ms);
}

TEST(CompanyTest, ThoseThatWentTogetherAreWaitedForUntilTheyAreBack) {
  Table table;
  const Company::Guest first(*table.sequences[0]);
  const Company::Guest second(*table.sequences[1]);
  table.company.left(table.sequences, 10s);
  table.wants_a_token(0);
  const std::jthread other([&] { table.wants_a_token(1); });
  const auto begin = Clock::now();
  (void)table.time_to_gather();
  const bool in_time = Clock::now() - begin < 10ms;  // else the other one was not given a core
  const std::lock_guard lock(table.mutex);
  EXPECT_TRUE(!in_time || table.sequences[1]->waiting() == 1U);
  EXPECT_FALSE(table.sequences[1]->expected);
}

TEST(CompanyTest, WhoDoesNotComeBackIsWaitedForOnce) {
  Table table;
  {
    const Company::Guest first(*table.sequences[0]);
    const Company::Guest second(*table.sequences[1]);
    table.company.left(table.sequences, 10s);
  }
  table.wants_a_token(0);
  const auto waited = table.time_to_gather();
  EXPECT_GE(waited, 5ms);
  EXPECT_LT(waited, 1s);
  EXPECT_LT(table.time_to_gather(), 5ms);
}

TEST(CompanyTest, AQuickBatchIsNotWorthWaitingFor) {
  Table table;
  const Company::Guest first(*table.sequences[0]);
  const Company::Guest second(*table.sequences[1]);
  table.company.left(table.sequences, 1ms);
  table.wants_a_token(0);
  EXPECT_LT(table.time_to_gather(), 5ms);
}

}  // namespace
}  // namespace plimsoll::run
