// top_machine: the pane of `plimsoll top` with all Plimsoll processes of the machine. Pure.
#pragma once
#include <ftxui/dom/elements.hpp>

#include "tui/top_state.hpp"

namespace plimsoll::tui {

// A row for each process and memory, below it one for each of its models; what does not fit into `room` is counted in
// the last row.
[[nodiscard]] ftxui::Element machine_header();
[[nodiscard]] ftxui::Elements machine_rows(const MachineView& machine, int room);

}  // namespace plimsoll::tui
