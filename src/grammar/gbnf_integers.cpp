
#include <algorithm>
#include <string>

#include "gbnf_rules.hpp"

namespace plimsoll::grammar {
namespace {

using Unsigned = std::uint64_t;

std::string any_digits(std::size_t count) { return count == 0 ? "" : " [0-9]" + gbnf_repeat(count, count); }

bool all(std::string_view text, char c) { return text.find_first_not_of(c) == std::string_view::npos; }

// Numbers of one length, least to most.
std::string of_one_length(std::string_view least, std::string_view most) {
  const std::size_t rest = least.size() - 1;
  const std::string_view least_rest = least.substr(1);
  const std::string_view most_rest = most.substr(1);
  if (all(least_rest, '0') && all(most_rest, '9')) return gbnf_digit(least[0], most[0]) + any_digits(rest);
  if (least[0] == most[0]) return gbnf_digit(least[0], least[0]) + " " + of_one_length(least_rest, most_rest);
  std::vector<std::string> parts;
  char from = least[0];
  char to = most[0];
  if (!all(least_rest, '0')) {
    parts.push_back(gbnf_digit(from, from) + " " + of_one_length(least_rest, std::string(rest, '9')));
    ++from;
  }
  const bool upper = !all(most_rest, '9');
  if (upper) --to;
  if (from <= to) parts.push_back(gbnf_digit(from, to) + any_digits(rest));
  if (upper) parts.push_back(gbnf_digit(most[0], most[0]) + " " + of_one_length(std::string(rest, '0'), most_rest));
  return gbnf_any_of(parts);
}

void add_naturals(std::vector<std::string>& parts, const std::string& sign, Unsigned least, Unsigned most) {
  const std::string last = std::to_string(most);
  for (std::string from = std::to_string(least); from.size() <= last.size();
       from = "1" + std::string(from.size(), '0')) {
    parts.push_back(sign + of_one_length(from, from.size() == last.size() ? last : std::string(from.size(), '9')));
  }
}

Unsigned magnitude(std::int64_t value) {
  return value < 0 ? Unsigned{0} - static_cast<Unsigned>(value) : static_cast<Unsigned>(value);
}

}  // namespace

std::string gbnf_integers(std::int64_t least, std::int64_t most) {
  std::vector<std::string> parts;
  if (least < 0) add_naturals(parts, "\"-\" ", most < 0 ? magnitude(most) : 1, magnitude(least));
  if (most >= 0) add_naturals(parts, "", magnitude(std::max<std::int64_t>(least, 0)), magnitude(most));
  return gbnf_any_of(parts);
}

}  // namespace plimsoll::grammar
