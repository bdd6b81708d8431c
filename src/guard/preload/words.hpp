// words: what the guard says on stderr, a line at a time, whatever the program does with its own streams.
#pragma once
#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace plimsoll::guard {

enum class Weight {
  note,     // left out where the guard is asked to be quiet
  refusal,  // always said
};
// "plimsoll guard: ..." in one write. Never throws.
void say_line(Weight weight, std::string_view line) noexcept;

template <class... Arguments>
void say(Weight weight, fmt::format_string<Arguments...> format, Arguments&&... arguments) noexcept {
  try {
    say_line(weight, fmt::format(format, std::forward<Arguments>(arguments)...));
  } catch (...) {  // NOLINT(bugprone-empty-catch): no memory for a line is no reason to end the program
  }
}

}  // namespace plimsoll::guard
