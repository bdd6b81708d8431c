#include "words.hpp"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/log.hpp"

#include "guarding.hpp"

namespace plimsoll::guard {

void say_line(Weight weight, std::string_view line) noexcept {
  if (weight == Weight::note && settings().quiet) return;
  const int before = errno;
  try {
    const std::string text = fmt::format("plimsoll guard: {}\n", line);
    (void)!write(STDERR_FILENO, text.data(), text.size());
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
  errno = before;
}

}  // namespace plimsoll::guard

// The log of the parts that are shared with the guard: here it has no files and no levels, and one place to go.
namespace plimsoll::log {

Level level() noexcept { return Level::warn; }

void write(Level level, std::string_view, std::string_view message) {
  if (level >= Level::warn) guard::say_line(guard::Weight::refusal, message);
}

}  // namespace plimsoll::log
