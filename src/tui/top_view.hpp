// top_view: the picture of `plimsoll top`: devices as bars with their budget, models, events. Pure.
#pragma once
#include <ftxui/dom/elements.hpp>

#include "tui/top_state.hpp"

namespace plimsoll::tui {

inline constexpr int kWidth = 80;
inline constexpr int kHeight = 24;

// Made for at least 80 x 24; what does not fit is cut at its end, and the selected model is always in view. Colours
// are the terminal's own sixteen, on its own background; nothing is said by colour alone.
[[nodiscard]] ftxui::Element render_top(const TopState& state, int width = kWidth, int height = kHeight);

}  // namespace plimsoll::tui
