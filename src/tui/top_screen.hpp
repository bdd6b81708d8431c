// top_screen: `plimsoll top` on a terminal, until somebody leaves it.
#pragma once
#include <chrono>
#include <stop_token>

#include "tui/top_control.hpp"

namespace plimsoll::tui {

enum class Left { by_key, by_interrupt };

struct ScreenOptions {
  std::chrono::milliseconds interval{1000};  // between two pictures; a key is answered at once
  bool colour = true;
  std::stop_token stop{};
};

// Takes the terminal, and while it has it, our log lines become notes. One at a time.
Left run_top(TopControl& control, const ScreenOptions& options);

}  // namespace plimsoll::tui
