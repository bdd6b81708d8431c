// lower_case: a text with the capitals of ASCII as small letters. All other bytes stay, so UTF-8 stays UTF-8.
#pragma once
#include <string>
#include <string_view>

namespace plimsoll {

[[nodiscard]] inline std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace plimsoll
