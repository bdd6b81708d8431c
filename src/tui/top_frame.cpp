#include "tui/top_frame.hpp"

#include <ftxui/screen/screen.hpp>
#include <ftxui/screen/string.hpp>

#include "tui/top_view.hpp"

namespace plimsoll::tui {

std::string top_frame(const TopState& state) {
  auto screen = ftxui::Screen::Create(ftxui::Dimension::Fixed(kWidth), ftxui::Dimension::Fixed(kHeight));
  ftxui::Render(screen, render_top(state, kWidth, kHeight));
  std::string out;
  for (int y = 0; y < screen.dimy(); ++y) {
    std::string line;
    for (int x = 0; x < screen.dimx(); ++x) {
      const std::string& glyph = screen.PixelAt(x, y).character;
      line += glyph.empty() ? " " : glyph;       // nothing was drawn there
      if (ftxui::string_width(glyph) == 2) ++x;  // it covers the next cell too
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace plimsoll::tui
