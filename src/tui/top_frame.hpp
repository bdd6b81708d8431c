// top_frame: one picture of `plimsoll top` as plain text, for pipes, logs and tests.
#pragma once
#include <string>

#include "tui/top_state.hpp"

namespace plimsoll::tui {

// 80 x 24, UTF-8, no escape sequences; lines end without blanks.
[[nodiscard]] std::string top_frame(const TopState& state);

}  // namespace plimsoll::tui
