// parse_number: a number that is a whole text.
#pragma once
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace plimsoll {

// Empty: the text is not a number, is beyond the type, or has something before or behind it, be it a blank or a plus
// sign. A double or float may be infinite or NaN ("inf", "nan").
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

}  // namespace plimsoll
