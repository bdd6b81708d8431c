#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace plimsoll::app {

Progress::Progress(Style style) : terminal_(isatty(STDERR_FILENO) == 1), lines_(style == Style::lines) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

void Progress::show(std::string_view what, double fraction) {
  if (!terminal_) return;
  constexpr int kWidth = 24;
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kWidth);
  fmt::print(stderr, "\r\x1b[K  [{:#<{}}{:.<{}}] {}", "", filled, "", kWidth - filled, what);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::done(std::string_view sentence) {
  clear();
  if (lines_) fmt::print(stderr, "  {}\n", sentence);
}

}  // namespace plimsoll::app
