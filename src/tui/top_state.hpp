// TopState: everything that `plimsoll top` shows at one moment. A plain value.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/monitor/sample.hpp>
#include "base/clock.hpp"
#include "broker/picture.hpp"
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

// "careful (temperature 0.2, thinking false), fast": a model's presets with their settings.
[[nodiscard]] std::string presets_in_words(const std::vector<host::Preset>& presets);

// What a device's bar is drawn to.
enum class BarScale {
  automatic,  // each budget that is far below its device's total, else the total
  limit,      // budgets, where there are any
  total,
};
// Of the three the one that shows the other picture of this device.
[[nodiscard]] BarScale other_scale(BarScale scale, const monitor::DeviceSample& device);
[[nodiscard]] bool is_drawn_to_limit(BarScale scale, const monitor::DeviceSample& device);

// All Plimsoll processes of the machine, as its ledger shows them.
struct MachineView {
  broker::Picture picture;
  broker::BootTime now{};
  std::string why_off;  // a sentence without a full stop; empty: this process stands among them
};

struct TopState {
  std::string title;  // which fleet
  monitor::Sample sample;
  BarScale scale = BarScale::automatic;
  monitor::Counters counters;
  host::Thresholds thresholds;
  std::map<std::string, std::string> presets;  // by model, in words; none: it has none
  std::vector<Note> notes;                     // in any order
  std::size_t selected = 0;                    // model, by its place in the fleet
  std::optional<MachineView> machine;          // in the place of the models, where that was asked for
  std::string answer;                          // to the last key; empty: the keys are explained
};

}  // namespace plimsoll::tui
