#include "memory/event_log.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <ledger_history.hpp>
#include <sstream>
#include <thread>

#include <plimsoll/base/error.hpp>

#include "manual_clock.hpp"

namespace plimsoll::memory {
namespace {

using ::testing::StartsWith;

const Tag kTag{.device = device::host(), .owner = "a", .stage = Stage::compute, .buffer = "CPU"};

RC_GTEST_PROP(EventLogProperty, KeepsTheNewestWithoutGapsAndCountsTheRest, ()) {
  const auto capacity = *rc::gen::inRange<std::size_t>(0, 20);
  const auto appended = *rc::gen::inRange<std::uint64_t>(0, 60);
  const test::ManualClock clock;
  EventLog log(clock, capacity);
  for (std::uint64_t i = 1; i <= appended; ++i) log.append(EventKind::taken, kTag, Bytes{i});
  const std::vector<Event> events = log.events();
  RC_ASSERT(events.size() <= capacity);
  RC_ASSERT(events.size() + log.dropped() == appended);
  for (std::size_t i = 0; i < events.size(); ++i) {
    RC_ASSERT(events[i].sequence == log.dropped() + i + 1);
    RC_ASSERT(events[i].bytes == Bytes{events[i].sequence});
  }
}

TEST(EventLogTest, ThreadsShareOneSequence) {
  const SystemClock clock;
  EventLog log(clock, 10'000);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&log] {
        for (int i = 0; i < 500; ++i) log.append(EventKind::taken, kTag, 1_B);
      });
    }
  }
  const std::vector<Event> events = log.events();
  ASSERT_EQ(events.size(), 2000U);
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].sequence, i + 1);
}

rc::Gen<Tag> any_tag() {
  const auto name = rc::gen::container<std::string>(rc::gen::inRange<char>(' ', '~'));
  return rc::gen::build<Tag>(
      rc::gen::set(&Tag::device,
                   rc::gen::map(name, [](std::string text) { return device::DeviceId{std::move(text)}; })),
      rc::gen::set(&Tag::owner, name), rc::gen::set(&Tag::stage, rc::gen::elementOf(kStages)),
      rc::gen::set(&Tag::buffer, name));
}

rc::Gen<Bytes> any_bytes() {
  return rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t value) { return Bytes{value}; });
}

// Names of any bytes that are text; kinds, stages, times and amounts over their whole range.
rc::Gen<Event> any_event() {
  const auto kind = rc::gen::map(rc::gen::inRange(0, static_cast<int>(EventKind::seal_violation) + 1),
                                 [](int value) { return static_cast<EventKind>(value); });
  const auto at = rc::gen::map(rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 62), [](std::int64_t nanoseconds) {
    return Clock::TimePoint{
        std::chrono::duration_cast<Clock::TimePoint::duration>(std::chrono::nanoseconds(nanoseconds))};
  });
  return rc::gen::build<Event>(rc::gen::set(&Event::sequence), rc::gen::set(&Event::at, at),
                               rc::gen::set(&Event::kind, kind), rc::gen::set(&Event::tag, any_tag()),
                               rc::gen::set(&Event::bytes, any_bytes()));
}

rc::Gen<Entry> any_entry() {
  const auto counter =
      rc::gen::build<Counter>(rc::gen::set(&Counter::current, any_bytes()), rc::gen::set(&Counter::peak, any_bytes()),
                              rc::gen::set(&Counter::total, any_bytes()));
  return rc::gen::build<Entry>(rc::gen::set(&Entry::tag, any_tag()), rc::gen::set(&Entry::planned, any_bytes()),
                               rc::gen::set(&Entry::taken, counter), rc::gen::set(&Entry::allocations),
                               rc::gen::set(&Entry::charged));
}

RC_GTEST_PROP(EventTextProperty, ReadsBackWhatItWrote, ()) {
  const EventRecord record{.before = *rc::gen::container<std::vector<Entry>>(any_entry()),
                           .events = *rc::gen::container<std::vector<Event>>(any_event())};
  std::stringstream text;
  write_events(text, record);
  const auto read = read_events(text);
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == record);
}

TEST(EventTextTest, WritesOneObjectALine) {
  std::ostringstream text;
  const Entry before{.tag = kTag,
                     .planned = 9_B,
                     .taken = {.current = 1_B, .peak = 2_B, .total = 3_B},
                     .allocations = 4,
                     .charged = false};
  write_events(text, {.before = {before},
                      .events = {{.sequence = 7,
                                  .at = Clock::TimePoint{std::chrono::seconds(2)},
                                  .kind = EventKind::given_back,
                                  .tag = kTag,
                                  .bytes = 12_B}}});
  EXPECT_EQ(text.str(),
            "{\"device\":\"CPU\",\"owner\":\"a\",\"stage\":\"compute\",\"buffer\":\"CPU\",\"planned\":9,\"current\":1,"
            "\"peak\":2,\"total\":3,\"allocations\":4,\"charged\":false}\n"
            "{\"sequence\":7,\"at_ns\":2000000000,\"kind\":\"given_back\",\"device\":\"CPU\",\"owner\":\"a\","
            "\"stage\":\"compute\",\"buffer\":\"CPU\",\"bytes\":12}\n");
}

TEST(EventTextTest, NonsenseIsRefusedByLineNumberAndSentence) {
  const auto with = [](std::string_view kind, std::string_view stage, std::string_view bytes) {
    return fmt::format(
        R"({{"sequence":2,"at_ns":0,"kind":"{}","device":"CPU","owner":"a","stage":"{}","buffer":"","bytes":{}}})",
        kind, stage, bytes);
  };
  const std::string good = with("taken", "compute", "1");
  for (const std::string& bad : {std::string("taken 12"), std::string("{}"), std::string("[]"), good.substr(0, 40),
                                 with("stolen", "compute", "1"), with("taken", "cargo", "1"),
                                 with("taken", "compute", "-1"), with("taken", "compute", "1.5"),
                                 with("taken", "compute", "\"1\""), with("taken", "compute", "18446744073709551616")}) {
    SCOPED_TRACE(bad);
    std::istringstream text(good + "\n\n" + bad + "\n");
    const auto read = read_events(text);
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error(), StartsWith("line 3 is not an event: "));
  }
}

RC_GTEST_PROP(ReplayProperty, EndsWithTheEntriesOfTheLedgerThatWasRecordedHoweverLittleTheLogKept, ()) {
  const test::ManualClock clock;
  EventLog log(clock, *rc::gen::element<std::size_t>(0, 1, 7, 100'000));
  Ledger ledger(&log);
  History history(ledger);
  history.play(*steps());
  std::stringstream text;
  write_events(text, log.record());
  RC_ASSERT(replay(read_events(text).value()) == ledger.entries());
  history.wind_up();
  RC_ASSERT(replay(log.record()) == ledger.entries());
}

TEST(ReplayTest, AFullLogOfManyChunksStillBeginsWithTheLedgerOfThatMoment) {
  const test::ManualClock clock;
  EventLog log(clock, 3000);
  Ledger ledger(&log);
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(ledger.take(kTag, 3_B));
    if (i % 2 == 0) ledger.give_back(kTag, 2_B);
  }
  ledger.note_uncharged(kTag, 9_B);
  EXPECT_EQ(log.events().size(), 3000U);
  EXPECT_EQ(log.dropped(), 4501U);
  EXPECT_EQ(log.lost(), 0U);
  EXPECT_EQ(replay(log.record()), ledger.entries());
}

TEST(ReplayTest, AHistoryWithoutItsBeginningIsAnErrorNotAWrongNumber) {
  EXPECT_THROW(
      (void)replay({.before = {},
                    .events = {{.sequence = 9, .at = {}, .kind = EventKind::given_back, .tag = kTag, .bytes = 1_B}}}),
      Error);
  EXPECT_THROW(
      (void)replay({.before = {},
                    .events = {{.sequence = 9, .at = {}, .kind = EventKind::released, .tag = kTag, .bytes = 1_B}}}),
      Error);
}

}  // namespace
}  // namespace plimsoll::memory
