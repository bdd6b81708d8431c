// The queue by itself, one call after the other, with a double in the engine's place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <variant>

#include "expect_error.hpp"
#include "queue_world.hpp"

namespace plimsoll::host {
namespace {

class QueueTest : public testing::Test {
 protected:
  void open(const std::map<std::string, std::uint64_t>& sizes) {
    std::vector<ModelRules> rules;
    for (const auto& [name, bytes] : sizes) rules.push_back({.name = name});
    queue.emplace(rules, capacity_of(sizes), std::make_shared<Balanced>(), 100, clock, observer);
  }
  // What the Loader does, where it has something to load.
  void load() {
    const std::optional<Job> job = queue->next_at_once();
    ASSERT_TRUE(job && std::holds_alternative<Load>(job->task));
    const std::string model = std::get<Load>(job->task).model;
    queue->warming(model);
    auto resident = std::make_shared<Resident>();
    resident->name = model;
    queue->finished(Loaded{.model = model, .resident = resident, .ms = 1});
  }

  const Quiet quiet;
  test::ManualClock clock;
  Deaf observer;
  std::optional<Queue> queue;
};

// A source of a request is kept for as long as it may be asked to give way.
TEST_F(QueueTest, OfARequestThatIsRefusedNothingIsKept) {
  open({{"large", kBudget + 1}});
  std::stop_token asked;
  {
    std::stop_source source;
    asked = source.get_token();
    Queue::Request request(*queue, "large", {.give_way = std::move(source)}, true);
    EXPECT_THROW((void)request.wait(), Error);
  }
  EXPECT_FALSE(asked.stop_possible());
}

TEST_F(QueueTest, OfARequestThatHasNoSlotNothingIsKept) {
  open({{"a", 10}});
  std::stop_token asked;
  {
    std::stop_source source;
    asked = source.get_token();
    Queue::Request request(*queue, "a", {.give_way = std::move(source)}, false);
    load();
    (void)request.wait();
  }
  EXPECT_FALSE(asked.stop_possible());
}

TEST_F(QueueTest, OfARequestThatTheHostsEndRefusesNothingIsKept) {
  open({{"a", 10}});
  std::stop_token asked;
  {
    std::stop_source source;
    asked = source.get_token();
    Queue::Request request(*queue, "a", {.give_way = std::move(source)}, true);
    queue->close();
    EXPECT_THROW((void)request.wait(), Error);
  }
  EXPECT_FALSE(asked.stop_possible());
}

TEST_F(QueueTest, ALeaseIsAskedToGiveWayForAsLongAsItIsHeld) {
  open({{"a", 10}});
  std::stop_token asked;
  TicketId lease = 0;
  {
    std::stop_source source;
    asked = source.get_token();
    Queue::Request request(*queue, "a", {.give_way = std::move(source)}, true);
    load();
    lease = request.wait().lease;
  }
  EXPECT_TRUE(asked.stop_possible());
  queue->give_back(lease, false);
  EXPECT_FALSE(asked.stop_possible());
}

// Else it would be loading for ever, and nothing else would be loaded.
TEST_F(QueueTest, AModelWhoseLoadCannotBeNotedIsFailed) {
  open({{"a", 10}, {"b", 10}});
  Queue::Request wants_a(*queue, "a", {}, true);
  Queue::Request wants_b(*queue, "b", {}, true);
  ASSERT_TRUE(queue->next_at_once());
  queue->finished(Replanned{.model = "a", .plans = {plan_of("a stranger", 10)}});
  ASSERT_TRUE(wants_a.is_answered());
  plimsoll::test::expect_error(ErrorCode::internal, "a stranger", [&] { (void)wants_a.wait(); });
  EXPECT_EQ(queue->state("a"), ModelState::failed);
  load();
  EXPECT_EQ(wants_b.wait().resident->name, "b");
}

TEST_F(QueueTest, WhateverAPolicyThrowsAFleetIsChanged) {
  class Throwing final : public EvictionPolicy {
    [[nodiscard]] double regret(const Candidate&, Clock::TimePoint) const override { throw 1; }
  };
  open({{"a", 10}});
  queue->want("a");
  load();
  queue->set_policy(std::make_shared<Throwing>());
  const FleetChange change{
      .comes = {}, .goes = {}, .rules = {{.name = "a", .priority = 3}}, .devices = {device_with(5)}};
  EXPECT_NO_THROW((void)queue->change_fleet(change));
  EXPECT_EQ(queue->rules("a").priority, 3);
}

// With it what its compute group holds comes back, for whoever asks for its memory.
TEST_F(QueueTest, WhoIsTheLastOfItsComputeGroupIsSaid) {
  std::vector<plan::ModelPlan> plans{plan_of("a", 10), plan_of("b", 10), plan_of("c", 10)};
  for (plan::ModelPlan& plan : plans) {
    if (plan.name == "c") continue;
    plan.compute_group = "main";
    plan.entries.push_back(
        {.device = device::DeviceId{"GPU0"}, .buffer = "GPU0", .stage = memory::Stage::compute, .bytes = Bytes{5}});
  }
  queue.emplace(std::vector<ModelRules>{{.name = "a"}, {.name = "b"}, {.name = "c"}},
                FreeCapacity(plans, {device_with(kBudget)}), std::make_shared<Balanced>(), 100, clock, observer);
  for (const char* model : {"a", "c"}) {
    queue->want(model);
    load();
  }
  auto standings = queue->standings();
  EXPECT_EQ(standings.at("a").last_of, std::vector<std::string>{"group:main"});
  EXPECT_TRUE(standings.at("c").last_of.empty());
  EXPECT_TRUE(standings.at("c").is_last_of_all);
  queue->want("b");
  load();
  standings = queue->standings();
  EXPECT_TRUE(standings.at("a").last_of.empty());
  EXPECT_FALSE(standings.at("b").is_last_of_all);
}

// The machine's, until somebody sets it.
class SetClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return SystemClock().now() + by.load(); }
  std::atomic<std::chrono::seconds> by = std::chrono::seconds(0);
};

TEST(QueueClockTest, WhoWaitsForATimeWaitsNoLongerWhereTheClockIsSetBack) {
  const Quiet quiet;
  SetClock clock;
  Deaf observer;
  const ModelRules rules{.name = "a", .time_to_live = std::chrono::milliseconds(300)};
  Queue queue({rules}, capacity_of({{"a", 10}}), std::make_shared<Balanced>(), 10, clock, observer);
  queue.want("a");
  ASSERT_TRUE(queue.next_at_once());
  auto resident = std::make_shared<Resident>();
  resident->name = "a";
  queue.warming("a");
  queue.finished(Loaded{.model = "a", .resident = std::exchange(resident, nullptr), .ms = 1});
  std::stop_source stop;
  auto goes = std::async(std::launch::async, [&] { return queue.next(stop.get_token()); });
  clock.by = std::chrono::hours(-1);
  const bool is_in_time = goes.wait_for(std::chrono::seconds(60)) == std::future_status::ready;
  (void)stop.request_stop();
  const std::optional<Job> job = goes.get();
  ASSERT_TRUE(is_in_time);
  EXPECT_TRUE(job && std::holds_alternative<Evict>(job->task));
}

// The clock counts nanoseconds: what is beyond it must not come out as the past.
TEST_F(QueueTest, ATimeToLiveBeyondTheClockIsForEver) {
  open({{"a", 10}});
  Queue::Request request(*queue, "a", {}, true);
  load();
  queue->give_back(request.wait().lease, false);
  for (const std::chrono::milliseconds idle :
       {std::chrono::milliseconds::max(), std::chrono::milliseconds(9'300'000'000'000),
        std::chrono::milliseconds(12'000'000'000'000)}) {
    queue->set_time_to_live("a", idle);
    clock.advance(std::chrono::hours(1));
    EXPECT_FALSE(queue->next_at_once()) << idle.count();
    EXPECT_EQ(queue->state("a"), ModelState::ready);
  }
  queue->set_time_to_live("a", std::chrono::hours(1));
  EXPECT_TRUE(queue->next_at_once());
}

}  // namespace
}  // namespace plimsoll::host
