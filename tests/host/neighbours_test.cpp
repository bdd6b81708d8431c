// What a host asks of other processes, and what it makes of their answers; without a queue of its own.
#include "neighbours.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "device/memory_key.hpp"

#include "queue_world.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::host {
namespace {

using namespace std::chrono_literals;

// A process that shows one model, or none.
class Holder {
 public:
  explicit Holder(const std::string& path) : ledger_(broker::MachineLedger::open({.program = "serve", .path = path})) {
    device::DeviceInfo host;
    host.id = device::host();
    host.memory_is_hosts = true;
    account_ = ledger_->account(device::memory_key(host));
    ledger_->reserve_anyway(account_, kBytes);
  }
  void shows(broker::Work work) {
    ledger_->show({{.name = "a",
                    .work = work,
                    .can_go = true,
                    .idle_since = broker::boot_time(),
                    .reload_time = 1s,
                    .parts = {{.account = account_, .reserved = kBytes, .taken = kBytes, .comes_back = kBytes}}}});
  }
  void shows_nothing() { ledger_->show({}); }
  [[nodiscard]] std::size_t is_asked() const { return ledger_->asked().size(); }
  // Beside what it has, and what others wait for.
  [[nodiscard]] bool may_have_more() {
    const std::vector<broker::Want> wants{{.account = account_, .more = 1_GiB, .free = 2_GiB}};
    if (!ledger_->reserve(ledger_->moment(), wants)) return false;
    ledger_->release(account_, 1_GiB);
    return true;
  }
  void goes() {
    for (const broker::Asked& asked : ledger_->asked()) ledger_->answer(asked.id, true);
  }

 private:
  static constexpr Bytes kBytes{1000};
  std::unique_ptr<broker::MachineLedger> ledger_;
  broker::AccountId account_ = 0;
};

class AskedNeighboursTest : public testing::Test {
 protected:
  // As the dispatcher does where this model has to go for one of ours.
  std::size_t ask_all() {
    AskOthers wanted{.ticket = 1, .model = "ours", .offers = {}, .needs = {{device::host(), Bytes{1000}}}};
    for (const OfferOfOthers& offer : neighbours.offers()) wanted.offers.push_back(offer.candidate.name);
    neighbours.ask(wanted);
    return wanted.offers.size();
  }

  const test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
  run::MemoryAccounting accounting{broker::MachineLedger::open({.program = "serve", .path = path})};
  Neighbours neighbours{accounting};
  Holder holder{path};
};

TEST_F(AskedNeighboursTest, WhoHasGoneAndComeBackIsAskedAnew) {
  holder.shows(broker::Work::ready);
  ASSERT_EQ(ask_all(), 1U);
  holder.goes();
  holder.shows(broker::Work::going);
  ASSERT_EQ(ask_all(), 1U);  // it is waited for
  neighbours.ask_nobody();   // its memory was free before it was seen to have gone: ours is loaded
  holder.shows_nothing();
  holder.shows(broker::Work::ready);  // loaded again, before anybody here has looked

  ASSERT_EQ(ask_all(), 1U) << "it is no model that had been wanted again";
  EXPECT_EQ(holder.is_asked(), 1U);
}

TEST_F(AskedNeighboursTest, WhoHasGoneAndComeBackUnseenIsAskedAnewByWhoStillWaits) {
  holder.shows(broker::Work::ready);
  ASSERT_EQ(ask_all(), 1U);
  holder.goes();  // and its own requests have had it back at once
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (holder.is_asked() == 0 && std::chrono::steady_clock::now() < until) {
    ASSERT_EQ(ask_all(), 1U);
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(holder.is_asked(), 1U);
}

TEST_F(AskedNeighboursTest, WhatNobodyWaitsForIsTakenBack) {
  holder.shows(broker::Work::ready);
  ASSERT_EQ(ask_all(), 1U);
  ASSERT_EQ(holder.is_asked(), 1U);
  neighbours.ask_nobody();
  EXPECT_EQ(holder.is_asked(), 0U);
}

TEST_F(AskedNeighboursTest, WhoIsWantedAgainWhileItGoesIsPassedOver) {
  holder.shows(broker::Work::ready);
  ASSERT_EQ(ask_all(), 1U);
  holder.goes();
  holder.shows(broker::Work::going);
  ASSERT_EQ(ask_all(), 1U);
  holder.shows(broker::Work::busy);
  EXPECT_EQ(ask_all(), 0U);
}

// Nothing is decided meanwhile, so nobody says again what was asked.
TEST_F(AskedNeighboursTest, WhatOthersHaveGivenBackStaysWhileAnotherModelIsLoaded) {
  test::ManualClock clock;
  Deaf observer;
  const std::vector<ModelRules> rules{{.name = "another"}, {.name = "ours"}};
  Queue queue(rules, capacity_of({{"another", 10}, {"ours", 60}}), std::make_shared<Balanced>(), 10, clock, observer);
  queue.want("another");
  const std::optional<Job> job = queue.next_at_once();
  ASSERT_TRUE(job && std::holds_alternative<Load>(job->task));
  const AskOthers wanted{.ticket = 2, .model = "ours", .offers = {}, .needs = {{device::host(), 2_GiB}}};
  neighbours.start(queue, [] { return std::map<std::string, std::string>(); });
  {
    const Queue::Request waits(queue, "ours", {}, true);  // the second ticket
    neighbours.ask(wanted);
    const auto until = std::chrono::steady_clock::now() + 3s;  // it would have lapsed after two
    bool stays = true;
    while (stays && std::chrono::steady_clock::now() < until) {
      stays = !holder.may_have_more();
      std::this_thread::sleep_for(20ms);
    }
    EXPECT_TRUE(stays);
  }
  const auto until = std::chrono::steady_clock::now() + 60s;  // nobody waits any more
  while (!holder.may_have_more() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(20ms);
  EXPECT_TRUE(holder.may_have_more());
  neighbours.stop();
  queue.close();
}

}  // namespace
}  // namespace plimsoll::host
