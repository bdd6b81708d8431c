// Who gets what, and who goes for it: each scenario is a text that must come out as it went in.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "scenario.hpp"

namespace plimsoll::host {
namespace {

void expect(const std::string& script) {
  const std::string want = script.substr(script.find_first_not_of('\n'));
  EXPECT_EQ(test::Scenario::play(want), want);
}

TEST(DispatcherTest, AModelIsLoadedForItsFirstRequestAndStays) {
  expect(R"(
line 100
model a 60
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 a => grant 2
)");
}

TEST(DispatcherTest, AModelThatFitsBesideTheOthersSendsNobodyAway) {
  expect(R"(
line 100
model a 60
model b 40
ask 1 a => load a
ready a => grant 1
ask 2 b => load b
ready b => grant 2
)");
}

// SciSharp/LLamaSharp#759: A is ready, B does not fit beside it.
TEST(DispatcherTest, AnIdleModelGoesForOneThatIsWanted) {
  expect(R"(
line 100
model a 60
model b 60
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => drain a; evict a
gone a => load b
ready b => grant 2
)");
}

TEST(DispatcherTest, ABusyModelIsWaitedForAndGivesNoNewLeases) {
  expect(R"(
line 100
model a 60 seats=3
model b 60
ask 1 a => load a
ready a => grant 1
ask 2 b => drain a
ask 3 a =>
free a => evict a
gone a => load b
ready b => grant 2; drain b
free b => evict b
gone b => load a
ready a => grant 3
)");
}

TEST(DispatcherTest, WhoDoesNotWantToWaitIsRefusedAndNothingChanges) {
  expect(R"(
line 100
model a 60
model b 60
ask 1 a => load a
ready a => grant 1
ask 2 b refuse => refuse 2 busy
free a =>
ask 3 b refuse => drain a; evict a
)");
}

TEST(DispatcherTest, WhatCanNeverFitIsRefusedAtOnceAndNobodyGoes) {
  expect(R"(
line 100
model a 60
model huge 101
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 huge => refuse 2 over_line
ask 3 a => grant 3
)");
}

TEST(DispatcherTest, APinnedModelIsSparedAndNamedInTheRefusal) {
  expect(R"(
line 100
model a 60 pinned
model b 60
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => refuse 2 over_line
unpin a =>
ask 3 b => drain a; evict a
)");
}

TEST(DispatcherTest, TheSmallestSufficientSetGoes) {
  expect(R"(
line 100
model a 20
model b 20
model c 50
model d 60
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => load b
ready b => grant 2
free b =>
ask 3 c => load c
ready c => grant 3
free c =>
ask 4 d => drain c; evict c
)");
}

TEST(DispatcherTest, TwoVictimsGoTogetherAndLeasedAndPinnedOnesAreSpared) {
  expect(R"(
line 100
model a 25
model b 25
model c 25 pinned
model d 25
model e 50
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => load b
ready b => grant 2
free b =>
ask 3 c => load c
ready c => grant 3
free c =>
ask 4 d => load d
ready d => grant 4
ask 5 e => drain a; drain b; evict a
gone a => evict b
gone b => load e
ready e => grant 5
)");
}

TEST(DispatcherTest, VictimsGoTogetherSoThatNobodyGoesInVain) {
  expect(R"(
line 100
model a 50
model b 50
model c 100
ask 1 a => load a
ready a => grant 1
ask 2 b => load b
ready b => grant 2
free b =>
ask 3 c => drain a; drain b
withdraw 3 => keep a; keep b
ask 4 b => grant 4
)");
}

TEST(DispatcherTest, AmongEqualsTheLeastRecentlyUsedGoes) {
  expect(R"(
line 100
model a 50
model b 50
model c 50
ask 1 a => load a
ready a => grant 1
wait 10 =>
free a =>
ask 2 b => load b
ready b => grant 2
wait 10 =>
free b =>
wait 10 =>
ask 3 a => grant 3
free a =>
wait 10 =>
ask 4 c => drain b; evict b
)");
}

TEST(DispatcherTest, PriorityAndReloadCostWeighMoreThanALittleIdleness) {
  expect(R"(
line 100
model a 50 reload=8000
model b 50 reload=100
model c 50 priority=3 reload=100
model d 50
ask 1 a => load a
ready a => grant 1
free a =>
wait 10 =>
ask 2 b => load b
ready b => grant 2
free b =>
wait 10 =>
ask 3 d => drain b; evict b
)");
}

TEST(DispatcherTest, EquallyMissedOnesGoInTheOrderOfTheirNames) {
  expect(R"(
line 90
model a 30
model b 30
model c 30
model d 30
ask 1 c => load c
ready c => grant 1
free c =>
ask 2 b => load b
ready b => grant 2
free b =>
ask 3 a => load a
ready a => grant 3
free a =>
ask 4 d => drain a; evict a
)");
}

TEST(DispatcherTest, WhoWaitedWhenAModelBecameReadyIsServedBeforeItGoesAgain) {
  expect(R"(
line 100
model a 60
model b 60
ask 1 a => load a
ready a => grant 1
ask 2 b => drain a
ask 3 b =>
ask 4 a =>
ask 5 b =>
free a => evict a
gone a => load b
ready b => grant 2; drain b
free b => grant 3
ask 6 b =>
free b => grant 5
free b => evict b
gone b => load a
ready a => grant 4; drain a
free a => evict a
gone a => load b
ready b => grant 6
)");
}

TEST(DispatcherTest, ALaterOneMayHaveWhatIsFreeWhileTheOlderWaits) {
  expect(R"(
line 100
model a 60
model b 70
model c 20
ask 1 a => load a
ready a => grant 1
ask 2 b => drain a
ask 3 c => load c
ready c => grant 3
free a => evict a
gone a => load b
ready b => grant 2
)");
}

TEST(DispatcherTest, ALaterOneMayNotTakeWhatTheOlderWillNeed) {
  expect(R"(
line 100
model a 60
model b 90
model c 20
ask 1 a => load a
ready a => grant 1
ask 2 b => drain a
ask 3 c =>
free a => evict a
gone a => load b
ready b => grant 2; drain b
free b => evict b
gone b => load c
ready c => grant 3
)");
}

TEST(DispatcherTest, AFailedLoadIsAnErrorForItsOwnRequestsAlone) {
  expect(R"(
line 100
model a 60
model b 60
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => drain a; evict a
ask 3 a =>
gone a => load b
ask 4 b =>
fail b => refuse 2 out_of_device_memory; refuse 4 out_of_device_memory; load a
ready a => grant 3
)");
}

TEST(DispatcherTest, LoadsAreOneAfterTheOtherAndCountWhileTheyLast) {
  expect(R"(
line 100
model a 60
model b 60
model c 30
ask 1 a => load a
ask 2 b =>
ask 3 c =>
ready a => grant 1; drain a; load c
ready c => grant 3
free a => evict a
gone a => load b
ready b => grant 2
)");
}

TEST(DispatcherTest, IdleModelsGoWhenTheirTimeIsOver) {
  expect(R"(
line 100
model a 60 ttl=500
ask 1 a => load a
ready a => grant 1
wait 1000 =>
free a =>
wait 499 =>
wait 1 => drain a; evict a
ask 2 a =>
gone a => load a
ready a => grant 2
)");
}

TEST(DispatcherTest, AModelThatIsAskedToGoGoesWhenIdleUnlessItIsWantedAgain) {
  expect(R"(
line 100
model a 60 seats=2
ask 1 a => load a
ready a => grant 1
leave a => drain a
ask 2 a => keep a; grant 2
leave a => drain a
free a =>
free a => evict a
gone a =>
)");
}

TEST(DispatcherTest, ModelsOfALaneShareOneScratch) {
  expect(R"(
line 100
model a 40 lane=main scratch=20
model b 40 lane=main scratch=10
model c 40 scratch=20
ask 1 a => load a
ready a => grant 1
ask 2 b => load b
ready b => grant 2
ask 3 c => drain a; drain b
)");
}

TEST(DispatcherTest, PlacesAndEstimatesCountWhatComesBefore) {
  Dispatcher dispatcher({{.name = "a"}, {.name = "b"}});
  dispatcher.expect_load_time("a", std::chrono::milliseconds(100));
  dispatcher.expect_load_time("b", std::chrono::milliseconds(30));
  (void)dispatcher.ask("a", WhenBusy::wait);
  (void)dispatcher.ask("a", WhenBusy::wait);
  const TicketId third = dispatcher.ask("b", WhenBusy::wait);
  EXPECT_EQ(dispatcher.place_of(third).position, 2U);
  EXPECT_EQ(dispatcher.place_of(third).estimate, std::chrono::milliseconds(130));
  EXPECT_THROW((void)dispatcher.ask("c", WhenBusy::wait), Error);
}

// Whatever happens in whatever order: every request is answered once nobody holds a lease for ever, what is resident
// fits, and no busy or pinned model is evicted.
RC_GTEST_PROP(DispatcherProperty, NoRequestIsLostAndTheLineHolds, ()) {
  constexpr std::uint64_t kLine = 100;
  std::vector<ModelRules> rules;
  std::vector<plan::ModelPlan> plans;
  const int count = *rc::gen::inRange(2, 6);
  for (int i = 0; i < count; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    rules.push_back(
        {.name = name, .seats = *rc::gen::inRange<std::size_t>(1, 3), .pinned = *rc::gen::inRange(0, 5) == 0});
    plan::ModelPlan plan;
    plan.name = name;
    plan.lines.push_back({.device = device::DeviceId{"GPU0"},
                          .buffer = "GPU0",
                          .stage = memory::Stage::weights,
                          .bytes = Bytes{*rc::gen::inRange<std::uint64_t>(10, 110)}});
    plans.push_back(plan);
  }
  plan::DeviceState device;
  device.info.id = device::DeviceId{"GPU0"};
  device.line = memory::LoadLine{.bytes = Bytes{kLine}};
  const Room room(plans, {device});
  const LeastRecentlyUsed policy;
  Dispatcher dispatcher(rules);
  Dispatcher::Time now{};
  std::set<TicketId> open;
  std::vector<std::string> leases;
  std::deque<Decision> tasks;

  const auto decide = [&] {
    for (const Decision& decision : dispatcher.decide(room, policy, now)) {
      if (const auto* grant = std::get_if<Grant>(&decision)) {
        RC_ASSERT(open.erase(grant->ticket) == 1U);
        RC_ASSERT(dispatcher.state(grant->model) == ModelState::ready ||
                  dispatcher.state(grant->model) == ModelState::draining);
        leases.push_back(grant->model);
      } else if (const auto* refuse = std::get_if<Refuse>(&decision)) {
        RC_ASSERT(open.erase(refuse->ticket) == 1U);
      } else if (const auto* evict = std::get_if<Evict>(&decision)) {
        RC_ASSERT(dispatcher.leases(evict->model) == 0U);
        RC_ASSERT(!dispatcher.is_pinned(evict->model));
        tasks.push_back(decision);
      } else if (std::holds_alternative<Load>(decision)) {
        RC_ASSERT(room.fits(dispatcher.resident()));
        tasks.push_back(decision);
      }
    }
    RC_ASSERT(tasks.size() <= 1U);
  };
  const auto work = [&] {
    if (tasks.empty()) return;
    const Decision task = tasks.front();
    tasks.pop_front();
    if (const auto* evict = std::get_if<Evict>(&task)) dispatcher.evicted(evict->model);
    if (const auto* load = std::get_if<Load>(&task)) {
      if (*rc::gen::inRange(0, 8) == 0) {
        dispatcher.load_failed(load->model, ErrorCode::engine_failed, "no");
      } else {
        dispatcher.warming(load->model);
        dispatcher.loaded(load->model, now, std::chrono::milliseconds(10));
      }
    }
    decide();
  };
  const auto give_back = [&](std::size_t index) {
    const std::string name = leases[index];
    leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(index));
    dispatcher.give_back(name, now);
    decide();
  };

  for (int step = *rc::gen::inRange(0, 60); step > 0; --step) {
    now += std::chrono::milliseconds(*rc::gen::inRange(0, 20));
    const int what = *rc::gen::inRange(0, 10);
    if (what < 4) {
      const std::string name = rules[*rc::gen::inRange<std::size_t>(0, rules.size())].name;
      open.insert(dispatcher.ask(name, *rc::gen::inRange(0, 4) == 0 ? WhenBusy::refuse : WhenBusy::wait));
      decide();
    } else if (what < 6) {
      work();
    } else if (what < 9) {
      if (!leases.empty()) give_back(*rc::gen::inRange<std::size_t>(0, leases.size()));
    } else if (!open.empty()) {
      dispatcher.withdraw(*open.begin());
      open.erase(open.begin());
      decide();
    }
  }
  // Nobody asks any more: leases end, loads and evictions go on.
  for (int i = 0; i < 1000 && !(open.empty() && leases.empty() && tasks.empty()); ++i) {
    leases.empty() ? work() : give_back(0);
    if (!leases.empty() || !tasks.empty()) continue;
    decide();
  }
  RC_ASSERT(open.empty());
  RC_ASSERT(room.fits(dispatcher.resident()));
}

}  // namespace
}  // namespace plimsoll::host
