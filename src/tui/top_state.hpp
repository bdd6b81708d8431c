// TopState: everything that `plimsoll top` shows at one moment. A plain value.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/monitor/sample.hpp>
#include "base/clock.hpp"
#include "host/fleet.hpp"
#include "host/host_log.hpp"
#include "monitor/counters.hpp"
#include "monitor/watch.hpp"

namespace plimsoll::tui {

// A line of the event pane.
struct Note {
  Clock::TimePoint at{};
  std::string text;
};
[[nodiscard]] Note note_of(const host::HostEvent& event);
[[nodiscard]] Note note_of(const monitor::Alert& alert);  // begins with "!" unless it is a mere notice

struct TopState {
  std::string title;  // which fleet
  monitor::Sample sample;
  std::optional<monitor::Sample> before;  // rates are between the two; empty: there are none yet
  monitor::Counters counters;
  host::Thresholds thresholds;
  std::vector<Note> notes;   // in any order
  std::size_t selected = 0;  // model, by its place in the fleet
  std::string answer;        // to the last key; empty: the keys are explained
};

}  // namespace plimsoll::tui
