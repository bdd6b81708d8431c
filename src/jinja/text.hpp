// Text as Python's str has it: letters are code points, white space and case are Unicode's. Strings are UTF-8; a byte
// that is not UTF-8 is a letter of its own and comes back as it was.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jinja/marked_text.hpp"

namespace plimsoll::jinja {

enum class Side { left, right, both };
enum class Letters { alpha, digit, alnum, space, upper, lower, print };

[[nodiscard]] std::size_t count_letters(std::string_view text);
[[nodiscard]] std::u32string decode(std::string_view text);
[[nodiscard]] std::string encode(std::u32string_view letters);
// Its letters, one after the other, as views into it.
[[nodiscard]] std::vector<std::string_view> letters_of(std::string_view text);
// Those from one to another, counted from 0, as a view into it.
[[nodiscard]] std::string_view letters_between(std::string_view text, std::size_t from, std::size_t to);

[[nodiscard]] bool is(Letters kind, char32_t letter);
[[nodiscard]] std::string upper(std::string_view text);
[[nodiscard]] std::string lower(std::string_view text);
// The first letter upper, the others lower.
[[nodiscard]] std::string capitalize(std::string_view text);
// As str.title() does: a word is a row of letters.
[[nodiscard]] std::string title(std::string_view text);

// Of white space, or of the letters given.
[[nodiscard]] std::string_view strip(std::string_view text, Side side, std::optional<std::string_view> letters = {});
// At most `most` times, from the left or from the right; negative for always. Without a separator: at white space.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, std::optional<std::string_view> separator,
                                                  long most, Side from);
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends = false);
[[nodiscard]] MarkedText replace(const MarkedText& text, std::string_view old, const MarkedText& by, long most);
[[nodiscard]] std::string escape_html(std::string_view text);
[[nodiscard]] std::string repeat(std::string_view text, std::size_t times);
[[nodiscard]] MarkedText repeat(const MarkedText& text, std::size_t times);
// To so many letters; of an odd rest the left gets what Python gives it.
[[nodiscard]] MarkedText pad(const MarkedText& text, std::size_t width, Side text_stands,
                             const MarkedText& with = own_text(" "));

}  // namespace plimsoll::jinja
