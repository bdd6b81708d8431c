// The keys of `plimsoll top` on a host with real models.
#include "tui/top_control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tui/top_frame.hpp"

#include "small_fleet.hpp"

namespace plimsoll::tui {
namespace {

using host::test::fleet_of;
using host::test::SmallHost;
using ::testing::HasSubstr;

host::Fleet with_a_budget(host::Fleet fleet) {
  fleet.budgets = {{.device = device::host(), .amount = 1_GiB}};
  return fleet;
}

class TopControlTest : public ::testing::Test {
 protected:
  // Waits for what happens on the host's thread.
  void await(const std::string& model, host::ModelState state) {
    while (small.state(model) != state) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void await_answer(const std::string& answer) {
    while (control.state().answer != answer) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  SmallHost small{with_a_budget(fleet_of("ab"))};
  monitor::Monitor monitor{small.host, {.beat = std::chrono::milliseconds(0)}};
  TopControl control{small.host, monitor, "fleet.toml"};
};

TEST_F(TopControlTest, TheSelectionStaysOnTheModels) {
  control.press(TopKey::up);
  EXPECT_EQ(control.state().selected, 0U);
  for (int i = 0; i < 3; ++i) control.press(TopKey::down);
  EXPECT_EQ(control.state().selected, 1U);
}

TEST_F(TopControlTest, LoadsPinsAndUnloadsTheSelectedModel) {
  control.press(TopKey::down);
  control.press(TopKey::load);
  await_answer("'b' is ready");
  EXPECT_EQ(small.state("b"), host::ModelState::ready);
  EXPECT_EQ(small.state("a"), host::ModelState::absent);
  (void)monitor.sample_now();
  EXPECT_THAT(top_frame(control.state()), HasSubstr("b: warming -> ready"));

  control.press(TopKey::pin);
  EXPECT_EQ(control.state().answer, "'b' is pinned");
  EXPECT_TRUE(small.status("b").pinned);
  control.press(TopKey::unload);
  EXPECT_THAT(control.state().answer, HasSubstr("unpin it first"));
  control.press(TopKey::pin);
  control.press(TopKey::unload);
  await("b", host::ModelState::swapped);
}

TEST_F(TopControlTest, ARefusalIsTheAnswer) {
  small.faults.fail_nth(0);
  control.press(TopKey::load);
  while (control.state().answer == "'a' is being loaded") std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_NE(control.state().answer, "'a' is ready");
  EXPECT_EQ(small.state("a"), host::ModelState::absent);
}

TEST_F(TopControlTest, TheScaleIsSwitchedWhereThereIsABudget) {
  (void)monitor.sample_now();
  control.press(TopKey::scale);
  const TopState once = control.state();
  EXPECT_THAT(once.answer, HasSubstr("bars are drawn to"));
  EXPECT_NE(once.scale, BarScale::automatic);
  control.press(TopKey::scale);
  EXPECT_NE(control.state().scale, once.scale);
  EXPECT_NE(control.state().scale, BarScale::automatic);
}

TEST_F(TopControlTest, TheMachineIsShownWhereThatIsAskedFor) {
  EXPECT_FALSE(control.state().machine);
  control.press(TopKey::machine);
  ASSERT_TRUE(control.state().machine);
  EXPECT_THAT(control.state().machine->why_off, HasSubstr("turned off"));
  control.press(TopKey::machine);
  EXPECT_FALSE(control.state().machine);
}

TEST_F(TopControlTest, QuitQuitsAndNotesAreBounded) {
  for (std::size_t i = 0; i < TopControl::kMostNotes + 10; ++i) control.note("something");
  EXPECT_EQ(control.state().notes.size(), TopControl::kMostNotes);
  EXPECT_FALSE(control.quit());
  control.press(TopKey::quit);
  EXPECT_TRUE(control.quit());
}

}  // namespace
}  // namespace plimsoll::tui
