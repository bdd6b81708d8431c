// Python's operators.
#pragma once
#include "syntax.hpp"
#include "value.hpp"

namespace plimsoll::jinja {

[[nodiscard]] Value calculate(Operator op, const Value& left, const Value& right);
[[nodiscard]] Value signed_value(char sign, const Value& value);  // -x and +x
// Python's round() to so many decimal places.
[[nodiscard]] double rounded(double value, int places);
[[nodiscard]] Integer to_integer(double value);  // towards zero; fails where it is beyond any

}  // namespace plimsoll::jinja
