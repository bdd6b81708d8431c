// number_grammar: numbers within bounds, and multiples of a number, as GBNF expressions. Without exponents.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "gbnf_rules.hpp"

namespace plimsoll::grammar {

struct NumberBound {
  double value = 0;
  bool open = false;  // the value itself is outside
};

// Decimals of 16 digits before the point and `places` behind it at most. Empty: none of them lies between the bounds.
[[nodiscard]] std::string gbnf_decimals(const std::optional<NumberBound>& least, const std::optional<NumberBound>& most,
                                        std::size_t places = 16);

enum class Sign { any, positive, negative, not_negative, not_positive };
// Integers that `step` divides; empty where the grammar would be too large. Rules are shared.
[[nodiscard]] std::string gbnf_multiples(GbnfRules& rules, std::uint64_t step, Sign sign);
// Decimals that are whole multiples of `step`, which is a whole number times a power of ten down to 1e-6: 0.01, 0.25.
// Empty where it is none of those.
[[nodiscard]] std::string gbnf_decimal_multiples(GbnfRules& rules, double step, Sign sign);

// 2 for 0.01: how many digits a number has behind the point where all of those are its multiples; empty for other
// steps.
[[nodiscard]] std::optional<std::size_t> places_of(double step);

}  // namespace plimsoll::grammar
