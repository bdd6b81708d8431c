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
  monitor::Observed before = observed();
  before.at -= std::chrono::seconds(1);
  before.status.models[0].tokens -= 37;
  out.before = monitor::sample_of(before);
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
  out.before.reset();
  const std::string frame = top_frame(out);
  EXPECT_THAT(frame, HasSubstr("how full it is is unknown"));
  EXPECT_THAT(frame, HasSubstr("budget none  ours 8.00 MiB  others unknown  free unknown  low unknown"));
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
