// What may be thrown at a host, and where: it answers whom it concerns, goes on, and ends when it is to end.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "expect_error.hpp"
#include "small_fleet.hpp"

namespace {

std::atomic<bool> device_is_lost = false;
std::atomic<int> decode_takes_ms = 0;

}  // namespace

// Stands in front of the engine's, as symbols of a program do.
extern "C" int32_t llama_decode(llama_context* context, llama_batch batch) {
  if (device_is_lost) throw std::runtime_error("the device is lost");
  std::this_thread::sleep_for(std::chrono::milliseconds(decode_takes_ms));
  static const auto real = reinterpret_cast<decltype(&llama_decode)>(dlsym(RTLD_NEXT, "llama_decode"));
  return real(context, batch);
}

namespace plimsoll::host {
namespace {

using plimsoll::test::expect_error;
using test::budget_for;
using test::fleet_of;
using test::SmallHost;

// A load has no lease: its model may have gone for another one before whoever asked for it has woken up.
TEST(HostFailuresTest, ALoadBesideRequestsForAnotherModelIsAnswered) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  SmallHost small(fleet);
  std::atomic<bool> over = false;
  std::jthread asking([&] {
    while (!over) (void)small.ask("b");
  });
  for (int i = 0; i < 12; ++i) EXPECT_NO_THROW(small.host.load("a"));
  over = true;
}

class Throwing final : public EvictionPolicy {
 public:
  [[nodiscard]] double regret(const Candidate&, Clock::TimePoint) const override {
    if (throws) throw std::runtime_error("a policy of somebody's own");
    return 0;
  }
  mutable std::atomic<bool> throws = true;
};

TEST(HostFailuresTest, APolicyThatThrowsIsAnErrorForWhoWaitsAndTheHostGoesOnAndEnds) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  const auto policy = std::make_shared<Throwing>();
  SmallHost small(fleet, {.policy = policy});
  (void)small.ask("a");
  expect_error(ErrorCode::internal, "somebody's own", [&] { (void)small.host.acquire("b"); });
  EXPECT_FALSE(small.ask("a").empty());
  policy->throws = false;
  EXPECT_FALSE(small.ask("b").empty());
}

TEST(HostFailuresTest, APolicyThatThrowsOnTheHostsOwnThreadDoesNotEndTheProcess) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  const auto policy = std::make_shared<Throwing>();
  SmallHost small(fleet, {.policy = policy});
  std::optional<Lease> lease;
  std::jthread first([&] { lease = small.host.acquire("a"); });
  while (small.state("a") == ModelState::absent) std::this_thread::yield();
  // While a is loaded nothing is decided; it is when a is there, by the thread that loaded it.
  expect_error(ErrorCode::internal, "somebody's own", [&] { (void)small.host.acquire("b"); });
  first.join();
  EXPECT_TRUE(lease);
}

TEST(HostFailuresTest, AListenerOfTheLogThatThrowsStopsNothing) {
  SmallHost small(fleet_of("a"));
  small.host.log().listen([](const HostEvent&) { throw std::runtime_error("no more"); });
  EXPECT_FALSE(small.ask("a").empty());
  small.host.unload("a");
  while (small.state("a") != ModelState::swapped) std::this_thread::yield();
}

TEST(HostFailuresTest, AListenerOfOnesPlaceThatThrowsIsHeardAndNobodyWaitsForIt) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  SmallHost small(fleet);
  const Lease lease = small.host.acquire("a");
  EXPECT_THROW(
      (void)small.host.acquire("b", {.waiting = [](const Dispatcher::Place&) { throw std::runtime_error("no more"); }}),
      std::runtime_error);
  EXPECT_EQ(small.host.status().waiting, 0U);
}

TEST(HostFailuresTest, AModelWhoseDeviceIsLostIsLoadedAnewForTheNextRequest) {
  SmallHost small(fleet_of("a"));
  const ConversationId conversation = small.host.new_conversation("a");
  const std::string said = small.go_on("a", conversation, "Day 12.");
  device_is_lost = true;
  EXPECT_THROW((void)small.go_on("a", conversation, " And then", 4), std::exception);
  device_is_lost = false;
  EXPECT_EQ(small.go_on("a", small.host.new_conversation("a"), "Day 12."), said);
  EXPECT_EQ(small.status("a").loads, 2U);
  EXPECT_EQ(small.status("a").evictions, 1U);
  EXPECT_FALSE(small.go_on("a", conversation, "").empty());  // its tokens were kept
}

TEST(HostFailuresTest, AModelThatCannotBeLoadedSaysSoAtOnceUntilSomebodyAsksForItsLoad) {
  SmallHost small(fleet_of("ab"));
  device_is_lost = true;
  EXPECT_THROW((void)small.host.acquire("a"), Error);  // its warm-up breaks off
  EXPECT_EQ(small.state("a"), ModelState::failed);
  ASSERT_TRUE(small.status("a").failure);
  const std::string why = small.status("a").failure->what();
  expect_error(small.status("a").failure->code(), why, [&] { (void)small.host.acquire("a"); });
  device_is_lost = false;
  EXPECT_FALSE(small.ask("b").empty());
  EXPECT_NO_THROW(small.host.load("a"));
  EXPECT_FALSE(small.status("a").failure);
  EXPECT_FALSE(small.ask("a").empty());
  EXPECT_EQ(small.status("a").load_failures, 1U);
}

// Warm-ups of hundreds of steps.
Fleet slow_to_warm_up(const std::string& names) {
  Fleet fleet = fleet_of(names);
  for (FleetModel& model : fleet.models) model.warm_up = run::WarmUpDepth::full;
  decode_takes_ms = 20;
  return fleet;
}

TEST(HostFailuresTest, ALoadIsStoppedWhenItsLastClientLeavesAndTheNextModelIsLoaded) {
  Fleet fleet = slow_to_warm_up("ab");
  budget_for(fleet, 1);
  SmallHost small(fleet);
  expect_error(ErrorCode::busy, "within 200 ms",
               [&] { (void)small.host.acquire("a", {.patience = std::chrono::milliseconds(200)}); });
  decode_takes_ms = 0;
  EXPECT_FALSE(small.ask("b").empty());
  EXPECT_EQ(small.state("a"), ModelState::absent);
  EXPECT_EQ(small.status("a").loads + small.status("a").load_failures + small.status("a").evictions, 0U);
}

TEST(HostFailuresTest, WhoComesWhileALoadIsBeingStoppedHasItLoaded) {
  SmallHost small(slow_to_warm_up("a"));
  expect_error(ErrorCode::busy, "within 200 ms",
               [&] { (void)small.host.acquire("a", {.patience = std::chrono::milliseconds(200)}); });
  decode_takes_ms = 0;
  EXPECT_FALSE(small.ask("a").empty());
  EXPECT_EQ(small.status("a").loads, 1U);
}

TEST(HostFailuresTest, AModelThatIsLoadedByHandIsLoadedThoughWhoAskedHasLeftUnlessItIsUnloaded) {
  SmallHost small(slow_to_warm_up("a"));
  const auto load_and_leave = [&] {
    std::stop_source stop;
    const std::jthread leaving([&] {
      while (small.state("a") != ModelState::warming) std::this_thread::yield();
      stop.request_stop();
    });
    expect_error(ErrorCode::cancelled, "cancelled", [&] { small.host.load("a", stop.get_token()); });
  };
  load_and_leave();
  small.host.unload("a");
  while (small.state("a") != ModelState::absent) std::this_thread::yield();
  EXPECT_EQ(small.status("a").loads, 0U);
  load_and_leave();
  decode_takes_ms = 0;
  while (small.state("a") != ModelState::ready) std::this_thread::yield();
  EXPECT_EQ(small.status("a").loads, 1U);
}

TEST(HostFailuresTest, AHostThatEndsStopsALoadThatNobodyWaitsFor) {
  Fleet fleet = slow_to_warm_up("a");
  fleet.models[0].load_at_start = true;
  const Stopwatch watch;
  {
    const SmallHost small(fleet);
    while (small.state("a") != ModelState::warming) std::this_thread::yield();
  }
  decode_takes_ms = 0;
  EXPECT_LT(watch.elapsed_ms(), 20'000);  // far less than the warm-up takes
}

}  // namespace
}  // namespace plimsoll::host
