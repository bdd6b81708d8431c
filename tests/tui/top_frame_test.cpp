// The picture of `plimsoll top` at 80 x 24, held against golden/*.
#include "tui/top_frame.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ftxui/screen/screen.hpp>
#include <sstream>

#include "tui/top_view.hpp"

#include "golden.hpp"
#include "scripted_sample.hpp"
#include "short_bytes.hpp"

namespace plimsoll::tui {
namespace {

using monitor::test::observed;
using ::testing::HasSubstr;
using ::testing::Not;

host::HostEvent moved(const std::string& model, host::ModelState from, host::ModelState to, const std::string& why) {
  return {.at = observed().at - std::chrono::seconds(90),
          .model = model,
          .from = from,
          .to = to,
          .bytes = 1536_MiB,
          .why = why};
}

TopState state() {
  TopState out;
  out.title = "fleet.toml";
  out.counters.paces = {{"chat", {.tokens_per_second = 37, .prompt_tokens_per_second = 0, .first_token_ms = 125}}};
  out.sample = monitor::sample_of(observed());
  out.counters.lowest_free = {{"Vulkan0", 4_GiB}};
  using enum host::ModelState;
  out.notes = {note_of(moved("sea \"log\"\\", ready, draining, "for 'chat'")),
               note_of(moved("chat", warming, ready, "")),
               note_of(monitor::Alert{.at = observed().at,
                                      .kind = monitor::AlertKind::seal,
                                      .severity = monitor::Severity::warning,
                                      .sentence = "'chat' is sealed, and yet asked for memory"})};
  return out;
}

std::vector<std::string> lines(const std::string& frame) {
  std::vector<std::string> out;
  std::istringstream in(frame);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

TEST(TopFrameTest, TwoDevicesTwoModels) { expect_golden("tui/golden/top.txt", top_frame(state())); }

TEST(TopFrameTest, ManyModelsScrollWithTheSelectionAndLeaveRoomForEvents) {
  TopState many = state();
  for (int i = 0; i < 40; ++i) {
    many.sample.models.push_back(many.sample.models[1]);
    many.sample.models.back().status.name = fmt::format("model-{}", i);
  }
  many.selected = 30;
  many.answer = "'model-28' is being loaded";
  const std::string frame = top_frame(many);
  expect_golden("tui/golden/many.txt", frame);
  EXPECT_THAT(frame, HasSubstr("> model-28"));
  EXPECT_EQ(lines(frame).size(), 24U);
}

TEST(TopFrameTest, NothingKnownIsNothingShownAsZero) {
  monitor::Observed nothing = observed();
  nothing.devices = {monitor::test::unknown_host()};
  TopState out = state();
  out.sample = monitor::sample_of(nothing);
  out.counters.paces.clear();
  const std::string frame = top_frame(out);
  EXPECT_THAT(frame, HasSubstr("how full it is is unknown"));
  EXPECT_THAT(frame, HasSubstr("budget none  ours 8.00 MiB  others unknown  free unknown  low unknown"));
}

TEST(TopFrameTest, ABudgetFarBelowTheTotalIsTheBar) {
  TopState out = state();
  monitor::DeviceSample& card = out.sample.devices[0];
  card.budget = 1_GiB;
  card.committed = 512_MiB;
  card.taken = 512_MiB;
  const auto filled = [&] {
    std::size_t cells = 0;
    const std::string frame = top_frame(out);
    const std::string line = lines(frame)[1];
    for (std::size_t at = line.find("█"); at != std::string::npos; at = line.find("█", at + 1)) ++cells;
    return cells;
  };
  EXPECT_EQ(filled(), 27U);  // of 54
  EXPECT_THAT(top_frame(out), HasSubstr("budget 1.00 GiB is the bar"));
  card.committed = 1_MiB;
  EXPECT_EQ(filled(), 1U);  // little is not nothing
  card.committed = 512_MiB;
  EXPECT_THAT(top_frame(out), Not(HasSubstr("┃")));
  out.scale = other_scale(out.scale, card);
  EXPECT_EQ(out.scale, BarScale::total);
  EXPECT_EQ(filled(), 13U);  // all that is used and not foreign, of 8 GiB; the budget's mark has one of their cells
  EXPECT_THAT(top_frame(out), HasSubstr("┃"));
  out.scale = other_scale(out.scale, card);
  EXPECT_EQ(filled(), 27U);
}

TEST(TopFrameTest, WhatOthersHoldOfABudgetCannotBeHad) {
  TopState out = state();
  monitor::DeviceSample& card = out.sample.devices[0];
  out.scale = BarScale::limit;  // 7 GiB, of which 3 are committed and 2 taken; 5 are free, one of them is promised
  card.free = 3_GiB;
  EXPECT_THAT(top_frame(out), HasSubstr("▒"));
  card.free = 5_GiB;
  EXPECT_THAT(lines(top_frame(out))[1], Not(HasSubstr("▒")));
}

TEST(TopFrameTest, TheSelectedModelsPresetsAreSpelledOut) {
  TopState out = state();
  host::Preset careful{.name = "careful", .thinking = false};
  careful.sampling.params.temperature = 0.25F;
  out.presets = {{"chat", presets_in_words({careful, {.name = "plain"}})}};
  EXPECT_THAT(top_frame(out), HasSubstr("  presets: careful (thinking false, temperature 0.25); plain\n"));
  out.selected = 1;
  EXPECT_THAT(top_frame(out), Not(HasSubstr("presets:")));
}

MachineView machine() {
  const broker::MemoryKey card{.pci = "0000:c1:00.0", .uuid = {}, .name = "CUDA0 NVIDIA H200"};
  return {.picture = {.path = "/dev/shm/plimsoll-0",
                      .processes = {{.pid = 4711,
                                     .program = "serve",
                                     .accounts = {{.memory = broker::host_key(), .reserved = 2_MiB, .taken = 1_MiB},
                                                  {.memory = card, .reserved = 8_GiB, .taken = 8_GiB}},
                                     .models = {{.name = "chat",
                                                 .work = broker::Work::ready,
                                                 .idle_since = broker::BootTime(60'000),
                                                 .parts = {{.account = 1, .reserved = 8_GiB, .taken = 8_GiB},
                                                           {.account = 9, .reserved = 1_B}}}},
                                     .models_left_out = 2},
                                    {.pid = 12,
                                     .same_pids = false,
                                     .program = "guard: dotnet",
                                     .accounts = {{.memory = card, .reserved = 3_GiB, .taken = 3_GiB}},
                                     .models = {{.name = "bosun-log",
                                                 .work = broker::Work::busy,
                                                 .parts = {{.account = 0, .reserved = 3_GiB, .taken = 3_GiB}}}}},
                                    {.pid = 13, .program = "generate", .is_alive = false}}},
          .now = broker::BootTime(90'000),
          .why_off = {}};
}

TEST(TopFrameTest, TheMachineIsShownInThePlaceOfTheModels) {
  TopState out = state();
  out.machine = machine();
  expect_golden("tui/golden/machine.txt", top_frame(out));
}

TEST(TopFrameTest, OfManyProcessesTheRestIsCounted) {
  TopState out = state();
  out.machine = machine();
  for (int i = 0; i < 30; ++i) out.machine->picture.processes.push_back({.pid = 100 + i, .program = "chat"});
  const std::string frame = top_frame(out);
  EXPECT_EQ(lines(frame).size(), 24U);
  EXPECT_THAT(frame, HasSubstr("… 26 more rows: plimsoll ps shows all"));
  EXPECT_THAT(frame, HasSubstr("is sealed, and yet asked for memory"));  // events keep their place
}

TEST(TopFrameTest, WhereThereIsNoLedgerThatIsSaid) {
  TopState out = state();
  out.machine = MachineView{.picture = {}, .why_off = "it is turned off (PLIMSOLL_BROKER=off)"};
  EXPECT_THAT(top_frame(out), HasSubstr("this process stands in no ledger: it is turned off (PLIMSOLL_BROKER=off)\n"));
}

TEST(TopViewTest, AWideTerminalHasAColumnForEachStage) {
  const auto header = [](int width) {
    auto screen = ftxui::Screen::Create(ftxui::Dimension::Fixed(width), ftxui::Dimension::Fixed(kHeight));
    ftxui::Render(screen, render_top(state(), width, kHeight));
    std::string line;
    for (int x = 0; x < width; ++x) line += screen.PixelAt(x, 6).character;
    return line;
  };
  EXPECT_THAT(header(100), HasSubstr("   wts    kv  comp   out adapt   run"));
  EXPECT_THAT(header(80), HasSubstr("   wts    kv  comp  rest"));
}

TEST(TopViewTest, TheSelectedModelIsInverted) {
  auto screen = ftxui::Screen::Create(ftxui::Dimension::Fixed(kWidth), ftxui::Dimension::Fixed(kHeight));
  TopState second = state();
  second.selected = 1;
  ftxui::Render(screen, render_top(second));
  int inverted = 0;
  for (int y = 0; y < kHeight; ++y) {
    if (!screen.PixelAt(2, y).inverted) continue;
    ++inverted;
    EXPECT_EQ(screen.PixelAt(2, y).character, "s");
  }
  EXPECT_EQ(inverted, 1);
}

TEST(TopViewTest, ASmallTerminalShowsItsBeginning) {
  auto screen = ftxui::Screen::Create(ftxui::Dimension::Fixed(40), ftxui::Dimension::Fixed(6));
  ftxui::Render(screen, render_top(state(), 40, 6));
  EXPECT_EQ(screen.PixelAt(0, 0).character, "p");
}

TEST(ShortBytesTest, FiveColumns) {
  EXPECT_EQ(short_bytes(0_B), "0B");
  EXPECT_EQ(short_bytes(1023_B), "1023B");
  EXPECT_EQ(short_bytes(1_KiB), "1.00K");
  EXPECT_EQ(short_bytes(Bytes{10'235}), "10.0K");
  EXPECT_EQ(short_bytes(1023_KiB), "1023K");
  EXPECT_EQ(short_bytes(Bytes{(1U << 20U) - 1}), "1.00M");
  EXPECT_EQ(short_bytes(512_MiB), "512M");
  EXPECT_EQ(short_bytes(21_GiB + 205_MiB), "21.2G");
  for (std::uint64_t bytes = 1; bytes < (std::uint64_t{1} << 60U); bytes = bytes * 5 / 4 + 1)
    EXPECT_LE(short_bytes(Bytes{bytes}).size(), 5U) << bytes;
}

}  // namespace
}  // namespace plimsoll::tui
