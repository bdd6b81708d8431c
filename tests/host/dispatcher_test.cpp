// Who gets what, and who goes for it: each scenario is a text that must come out as it went in.
#include <gtest/gtest.h>

#include "scenario.hpp"

namespace plimsoll::host {
namespace {

using test::expect_played;

TEST(DispatcherTest, AModelIsLoadedForItsFirstRequestAndStays) {
  expect_played(R"(
budget 100
model a 60
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 a => grant 2
)");
}

TEST(DispatcherTest, AModelThatFitsBesideTheOthersSendsNobodyAway) {
  expect_played(R"(
budget 100
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
  expect_played(R"(
budget 100
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
  expect_played(R"(
budget 100
model a 60 slots=3
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
  expect_played(R"(
budget 100
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
  expect_played(R"(
budget 100
model a 60
model huge 101
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 huge => refuse 2 over_budget
ask 3 a => grant 3
)");
}

TEST(DispatcherTest, APinnedModelIsSparedAndNamedInTheRefusal) {
  expect_played(R"(
budget 100
model a 60 pinned
model b 60
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => refuse 2 over_budget
unpin a =>
ask 3 b => drain a; evict a
)");
}

TEST(DispatcherTest, WhoWaitedWhenAModelBecameReadyIsServedBeforeItGoesAgain) {
  expect_played(R"(
budget 100
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
  expect_played(R"(
budget 100
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
  expect_played(R"(
budget 100
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
  expect_played(R"(
budget 100
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
  expect_played(R"(
budget 100
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
  expect_played(R"(
budget 100
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

TEST(DispatcherTest, ATimeToLiveEndsThoughTheClockIsSetBack) {
  expect_played(R"(
budget 100
model a 60 ttl=500
wait 7200000 =>
ask 1 a => load a
ready a => grant 1
free a =>
wait -3600000 =>
wait 499 =>
wait 1 => drain a; evict a
)");
}

TEST(DispatcherTest, AModelThatIsAskedToGoGoesWhenIdleUnlessItIsWantedAgain) {
  expect_played(R"(
budget 100
model a 60 slots=2
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

TEST(DispatcherTest, ModelsOfAComputeGroupShareOneSetOfBuffers) {
  expect_played(R"(
budget 100
model a 40 group=main compute=20
model b 40 group=main compute=10
model c 40 compute=20
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

// Its file was changed: nobody keeps it by asking, and its next load serves those who wait.
TEST(DispatcherTest, AModelWhoseFileWasChangedGoesAndComesBackForWhoeverAsks) {
  expect_played(R"(
budget 100
model a 60 pinned slots=2
ask 1 a => load a
ready a => grant 1
change a => drain a
ask 2 a =>
free a => evict a
ask 3 a =>
gone a => load a
ready a => grant 2; grant 3
free a =>
free a =>
)");
}

TEST(DispatcherTest, NoMoreModelsAreLoadedThanAreWantedThoughThereIsMemoryForThem) {
  expect_played(R"(
budget 100
models-max 2
model a 10
model b 10
model c 10
ask 1 a => load a
ready a => grant 1
ask 2 b => load b
ready b => grant 2
free b =>
ask 3 c => drain b; evict b
gone b => load c
ready c => grant 3
ask 4 b refuse => refuse 4 busy
ask 5 b => drain a
free a => evict a
gone a => load b
ready b => grant 5
)");
}

TEST(DispatcherTest, APinnedModelThatIsOnItsWayOutForbidsNobody) {
  expect_played(R"(
budget 100
models-max 1
model a 90 pinned
model b 90
ask 1 a => load a
ready a => grant 1
change a => drain a
ask 2 b =>
free a => evict a
gone a => load b
ready b => grant 2
)");
}

TEST(DispatcherTest, WhereFewerModelsMayBeLoadedTheLeastMissedGo) {
  expect_played(R"(
budget 100
model a 10
model b 10 pinned
model c 10
ask 1 a => load a
ready a => grant 1
ask 2 b => load b
ready b => grant 2
ask 3 c => load c
ready c => grant 3
free a =>
allow 2 => drain a; evict a
gone a =>
allow 1 => drain c
free c => evict c
gone c =>
ask 4 a => refuse 4 over_budget
allow 2 =>
ask 5 a => load a
)");
}

TEST(DispatcherTest, WherePinnedModelsAreAsManyAsAreWantedNoOtherOneIsLoaded) {
  expect_played(R"(
budget 100
models-max 1
model a 10 pinned
model b 10
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => refuse 2 over_budget
)");
}

}  // namespace
}  // namespace plimsoll::host
