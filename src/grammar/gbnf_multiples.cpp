#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "number_grammar.hpp"

namespace plimsoll::grammar {
namespace {

constexpr std::uint64_t kMostStates = 400;  // rules of one automaton
constexpr std::uint64_t kMostDigits = 16;   // of a number
constexpr std::uint64_t kLeastDigits = 6;   // below that a grammar forbids what is wanted
constexpr std::size_t kMostPlaces = 6;      // behind the point
constexpr std::uint64_t kMostFractions = 200;

// Digits that make a multiple of `step`, by the remainder of what is written so far: a rule for each remainder and
// number of digits left.
class Multiples {
 public:
  Multiples(GbnfRules& rules, std::uint64_t step) : rules_(rules), step_(step) {}

  // Empty: it would be too many rules.
  std::string positive() {
    const std::uint64_t digits = std::min(kMostDigits, kMostStates / step_);
    if (digits < kLeastDigits) return "";
    return by_next(0, digits, '1');
  }

 private:
  // The digits from here on, of which the first is not below `least`.
  std::string by_next(std::uint64_t remainder, std::uint64_t left, char least) {
    std::map<std::uint64_t, std::string> classes;
    for (char digit = least; digit <= '9'; ++digit)
      classes[(remainder * 10 + static_cast<std::uint64_t>(digit - '0')) % step_] += digit;
    std::vector<std::string> parts;
    for (const auto& [next, digits] : classes) {
      const std::string behind = rest(next, left - 1);
      if (!behind.empty()) parts.push_back(fmt::format("[{}] {}", digits, behind));
    }
    return parts.empty() ? "" : gbnf_any_of(parts);
  }

  // The name of the rule; empty: nothing can follow, and it may not end.
  std::string rest(std::uint64_t remainder, std::uint64_t left) {
    if (left == 0) return remainder == 0 ? R"("")" : "";
    const auto known = known_.find({remainder, left});
    if (known != known_.end()) return known->second;
    const std::string more = by_next(remainder, left, '0');
    std::string name;
    if (!more.empty())
      name = rules_.shared("digits", remainder == 0 ? "(" + more + ")?" : more);
    else if (remainder == 0)
      name = R"("")";
    return known_[{remainder, left}] = name;
  }

  GbnfRules& rules_;
  std::uint64_t step_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> known_;
};

bool has_minus(Sign sign) { return sign != Sign::positive && sign != Sign::not_negative; }
bool has_plus(Sign sign) { return sign != Sign::negative && sign != Sign::not_positive; }
bool has_zero(Sign sign) { return sign != Sign::negative && sign != Sign::positive; }

std::string with_sign(const std::string& positive, Sign sign) {
  std::vector<std::string> parts;
  if (has_zero(sign)) parts.emplace_back(R"("0")");
  if (has_plus(sign) && has_minus(sign))
    parts.push_back(R"("-"? )" + positive);
  else
    parts.push_back((has_minus(sign) ? R"("-" )" : "") + positive);
  return gbnf_any_of(parts);
}

}  // namespace

std::string gbnf_multiples(GbnfRules& rules, std::uint64_t step, Sign sign) {
  std::uint64_t zeros = 0;
  while (step > 0 && step % 10 == 0) step /= 10, ++zeros;
  if (step == 0 || zeros > kMostDigits - kLeastDigits) return "";
  const std::string digits = Multiples(rules, step).positive();
  if (digits.empty()) return "";
  return with_sign(zeros == 0 ? digits : digits + " " + gbnf_literal(std::string(zeros, '0')), sign);
}

namespace {

constexpr std::array<std::uint64_t, kMostPlaces + 1> kPowers{1, 10, 100, 1000, 10000, 100000, 1000000};

// step = unit / 10^places.
struct Step {
  std::uint64_t unit = 0;
  std::size_t places = 0;
};

std::optional<Step> step_of(double step) {
  for (std::size_t places = 0; places <= kMostPlaces; ++places) {
    const double scaled = step * static_cast<double>(kPowers.at(places));
    const double nearest = std::round(scaled);
    if (nearest >= 1 && nearest < 1e9 && std::abs(scaled - nearest) <= 1e-9 * nearest)
      return Step{static_cast<std::uint64_t>(nearest), places};
  }
  return std::nullopt;
}

// The digits behind the point. `some`: not zeros alone.
std::string fraction_of(const Step& step, bool some) {
  if (step.unit == 1 && !some) return "[0-9]" + gbnf_repeat(1, step.places);
  std::vector<std::string> each;
  if (step.unit == 1) {
    for (std::size_t zeros = 0; zeros < step.places; ++zeros)
      each.push_back(fmt::format("{}[1-9]{}", zeros > 0 ? gbnf_literal(std::string(zeros, '0')) + " " : "",
                                 zeros + 1 < step.places ? " [0-9]" + gbnf_repeat(0, step.places - zeros - 1) : ""));
    return gbnf_any_of(each);
  }
  const std::uint64_t ten = kPowers.at(step.places);
  for (std::uint64_t value = some ? step.unit : 0; value < ten; value += step.unit) {
    std::string digits = fmt::format("{:0{}}", value, step.places);
    each.push_back(gbnf_literal(digits));
    digits.erase(digits.find_last_not_of('0') + 1);
    if (!digits.empty() && digits.size() < step.places) each.push_back(gbnf_literal(digits));
  }
  return gbnf_any_of(each);
}

}  // namespace

std::optional<std::size_t> places_of(double step) {
  const auto found = step_of(step);
  return found && found->unit == 1 ? std::optional(found->places) : std::nullopt;
}

std::string gbnf_decimal_multiples(GbnfRules& rules, double given, Sign sign) {
  const auto step = step_of(given);
  if (!step) return "";
  if (step->places == 0) {
    const std::string whole = gbnf_multiples(rules, step->unit, sign);
    return whole.empty() ? "" : whole + R"( ("." "0"{1,6})?)";
  }
  // Of 0.3, for one, whole part and fraction depend on each other.
  const std::uint64_t ten = kPowers.at(step->places);
  if (ten % step->unit != 0 || (step->unit > 1 && ten / step->unit > kMostFractions)) return "";
  const std::string minus = !has_minus(sign) ? "" : has_plus(sign) ? R"("-"? )" : R"("-" )";
  const std::string any = fraction_of(*step, false);
  if (has_zero(sign)) return fmt::format(R"({}("0" | [1-9] [0-9]{{0,14}}) ("." {})?)", minus, any);
  return fmt::format(R"({}("0." {} | [1-9] [0-9]{{0,14}} ("." {})?))", minus, fraction_of(*step, true), any);
}

}  // namespace plimsoll::grammar
