#include <fmt/format.h>

#include <cmath>

#include "number_grammar.hpp"

namespace plimsoll::grammar {
namespace {

constexpr std::int64_t kLargestWhole = 9'999'999'999'999'999;
constexpr double kBeyond = 1e16;

// A bound without its sign: what is before the point, and the digits behind it, without zeros at their end.
struct Magnitude {
  std::int64_t whole = 0;
  std::string digits{};
  bool open = false;
};

Magnitude magnitude(double value, bool open) {
  // The shortest digits that give the number back.
  std::string exact = fmt::format("{}", std::abs(value));
  if (exact.contains('e')) exact = fmt::format("{:.16f}", std::abs(value));
  const std::size_t point = exact.find('.');
  Magnitude out{.whole = std::stoll(exact.substr(0, point)), .open = open};
  if (point != std::string::npos) out.digits = exact.substr(point + 1);
  out.digits.erase(out.digits.find_last_not_of('0') + 1);
  return out;
}

// The digits behind the point of one whole part. While what is written equals a bound's digits, that bound decides
// which digit may come; empty: it is no bound, or has been left.
class Fractions {
 public:
  explicit Fractions(std::size_t places) : places_(places) {}

  // With the point, or nothing; nullopt: the bounds leave no fraction, not even none.
  [[nodiscard]] std::optional<std::string> of(const Magnitude* least, const Magnitude* most) const {
    const std::string some = more(0, least, most);
    if (!may_end(0, least, most)) return some.empty() ? std::nullopt : std::optional(R"("." )" + some);
    return some.empty() ? "" : R"(("." )" + some + ")?";
  }

 private:
  static bool may_end(std::size_t at, const Magnitude* least, const Magnitude* most) {
    const bool enough = least == nullptr || (least->digits.size() <= at && !least->open);
    return enough && (most == nullptr || most->digits.size() > at || !most->open);
  }

  static char digit_of(const Magnitude* bound, std::size_t at, char beyond) {
    if (bound == nullptr) return beyond;
    return at < bound->digits.size() ? bound->digits[at] : '0';
  }

  // One digit or more; empty: there is none.
  [[nodiscard]] std::string more(std::size_t at, const Magnitude* least, const Magnitude* most) const {
    if (at >= places_) return "";
    const std::size_t left = places_ - at;
    if (least != nullptr && most == nullptr && least->digits.size() <= at && !least->open) least = nullptr;
    if (least == nullptr && most == nullptr) return "[0-9]" + gbnf_repeat(1, left);
    const char from = digit_of(least, at, '0');
    const char to = digit_of(most, at, '9');
    std::vector<std::string> parts;
    const auto add = [&](char first, char last, const Magnitude* still_least, const Magnitude* still_most) {
      if (first > last) return;
      const std::string rest = more(at + 1, still_least, still_most);
      const bool may_stop = may_end(at + 1, still_least, still_most);
      if (rest.empty() && !may_stop) return;
      parts.push_back(gbnf_digit(first, last) + (rest.empty() ? "" : " (" + rest + (may_stop ? ")?" : ")")));
    };
    if (from == to) {
      add(from, to, least, most);
    } else {
      const char first = least != nullptr ? static_cast<char>(from + 1) : from;
      const char last = most != nullptr ? static_cast<char>(to - 1) : to;
      if (least != nullptr) add(from, from, least, nullptr);
      add(first, last, nullptr, nullptr);
      if (most != nullptr) add(to, to, nullptr, most);
    }
    return parts.empty() ? "" : gbnf_any_of(parts);
  }

  std::size_t places_;
};

// Numbers without a sign; an empty `most` has no end.
void add_positive(std::vector<std::string>& parts, const Fractions& fractions, const std::string& sign,
                  const Magnitude& least, const std::optional<Magnitude>& most) {
  const auto add = [&](std::int64_t whole, const Magnitude* from, const Magnitude* to) {
    if (const auto fraction = fractions.of(from, to)) parts.push_back(sign + fmt::format("\"{}\" ", whole) + *fraction);
  };
  if (most && least.whole == most->whole) return add(least.whole, &least, &*most);
  add(least.whole, &least, nullptr);
  const std::int64_t last = most ? most->whole - 1 : kLargestWhole;
  if (least.whole < last)
    parts.push_back(sign + gbnf_integers(least.whole + 1, last) + " " + *fractions.of(nullptr, nullptr));
  if (most) add(most->whole, nullptr, &*most);
}

}  // namespace

std::string gbnf_decimals(const std::optional<NumberBound>& least, const std::optional<NumberBound>& most,
                          std::size_t places) {
  const Fractions fractions(places);
  // What lies beyond the digits that are written is no bound.
  const std::optional<NumberBound> from = least && least->value > -kBeyond ? least : std::nullopt;
  const std::optional<NumberBound> to = most && most->value < kBeyond ? most : std::nullopt;
  if ((from && from->value >= kBeyond) || (to && to->value <= -kBeyond)) return "";
  if (from && to && (from->value > to->value || (from->value == to->value && (from->open || to->open)))) return "";
  std::vector<std::string> parts;
  if (!from || from->value < 0) {
    const bool ends_below_zero = to && to->value < 0;
    const Magnitude nearest = ends_below_zero ? magnitude(to->value, to->open) : Magnitude{.open = true};
    add_positive(parts, fractions, R"("-" )", nearest,
                 from ? std::optional(magnitude(from->value, from->open)) : std::nullopt);
  }
  const bool zero_is_inside = (!from || from->value < 0 || (from->value == 0 && !from->open)) &&
                              (!to || to->value > 0 || (to->value == 0 && !to->open));
  if (!to || to->value > 0) {
    const bool begins_above_zero = from && from->value > 0;
    const Magnitude nearest =
        begins_above_zero ? magnitude(from->value, from->open) : Magnitude{.open = !zero_is_inside};
    add_positive(parts, fractions, "", nearest, to ? std::optional(magnitude(to->value, to->open)) : std::nullopt);
  } else if (zero_is_inside) {
    parts.push_back(fmt::format(R"("0" ("." "0"{})?)", gbnf_repeat(1, places)));
  }
  return parts.empty() ? "" : gbnf_any_of(parts);
}

}  // namespace plimsoll::grammar
