#include "arithmetic.hpp"

#include <cmath>
#include <cstdlib>

#include "print.hpp"
#include "text.hpp"

namespace plimsoll::jinja {
namespace {

constexpr Integer kMostRepeated = Integer{1} << 40;

constexpr const char* kOperatorSigns[] = {"+", "-", "*", "/", "//", "%", "**"};

[[noreturn]] void fail_operator(Operator op, const Value& left, const Value& right) {
  if (left.undefined() != nullptr) fail_undefined(left);
  if (right.undefined() != nullptr) fail_undefined(right);
  fail("'{}' does not take a '{}' and a '{}'", kOperatorSigns[static_cast<int>(op)], type_name(left), type_name(right));
}

Value floor_division(Integer a, Integer b, bool remainder) {
  if (b == 0) fail("a division by zero");
  const Integer rest = a % b;
  const bool below = rest != 0 && (rest < 0) != (b < 0);
  return remainder ? Value(below ? rest + b : rest) : Value(a / b - (below ? 1 : 0));
}

Value whole_power(Integer base, Integer exponent) {
  if (exponent < 0) return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  Integer result = 1;
  for (bool fits = true; exponent > 0; exponent >>= 1) {
    if (!fits || ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result))) fail("a number is too large");
    fits = !__builtin_mul_overflow(base, base, &base);
  }
  return Value(result);
}

Value calculate_whole(Operator op, Integer a, Integer b) {
  Integer result = 0;
  bool overflow = false;
  switch (op) {
    case Operator::add:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Operator::subtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Operator::multiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case Operator::divide:
      if (b == 0) fail("a division by zero");
      return Value(static_cast<double>(a) / static_cast<double>(b));
    case Operator::power:
      return whole_power(a, b);
    default:
      return floor_division(a, b, op == Operator::modulo);
  }
  if (overflow) fail("a number is too large");
  return Value(result);
}

Value calculate_real(Operator op, double a, double b) {
  if (b == 0 && (op == Operator::divide || op == Operator::floor_divide || op == Operator::modulo))
    fail("a division by zero");
  switch (op) {
    case Operator::add:
      return Value(a + b);
    case Operator::subtract:
      return Value(a - b);
    case Operator::multiply:
      return Value(a * b);
    case Operator::divide:
      return Value(a / b);
    case Operator::power:
      return Value(std::pow(a, b));
    default:
      break;
  }
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  return op == Operator::modulo ? Value(rest == 0 ? std::copysign(0.0, b) : rest) : Value(std::round((a - rest) / b));
}

Value joined(const Text& left, const Text& right) {
  const bool markup = left.markup || right.markup;
  const auto part = [&](const Text& text) {
    return markup && !text.markup ? changed_by_runs(text, escape_html) : static_cast<const MarkedText&>(text);
  };
  MarkedText whole = part(left);
  whole += part(right);
  return Value(std::move(whole), markup);
}

Value repeated(const Value& value, Integer times) {
  const auto count = static_cast<std::size_t>(times < 0 ? 0 : std::min(times, kMostRepeated));
  if (const Text* text = value.text()) return Value(repeat(*text, count), text->markup);
  const Sequence& row = *value.sequence();
  std::vector<Value> items;
  Holding holding;
  if (!row.items.empty() && count > (std::size_t{1} << 40) / row.items.size()) fail("a list of that size is too long");
  holding.grow(row.items.size() * count * sizeof(Value));
  for (std::size_t i = 0; i < count && !row.items.empty(); ++i)
    items.insert(items.end(), row.items.begin(), row.items.end());
  return make(row.shape, std::move(items));
}

bool repeatable(const Value& value) {
  return value.text() != nullptr || (value.sequence() != nullptr && value.sequence()->shape <= Shape::group);
}

}  // namespace

Value calculate(Operator op, const Value& left, const Value& right) {
  if (left.text() != nullptr && right.text() != nullptr && op == Operator::add)
    return joined(*left.text(), *right.text());
  if (left.text() != nullptr && op == Operator::modulo && right.undefined() == nullptr) {
    return Value(format_percent(*left.text(), right));
  }
  if (const auto a = left.integer(), b = right.integer(); a && b) return calculate_whole(op, *a, *b);
  if (const auto a = left.number(), b = right.number(); a && b) return calculate_real(op, *a, *b);
  if (op == Operator::multiply && repeatable(left) && right.integer()) return repeated(left, *right.integer());
  if (op == Operator::multiply && repeatable(right) && left.integer()) return repeated(right, *left.integer());
  const Sequence* a = left.sequence();
  const Sequence* b = right.sequence();
  const bool rows = a != nullptr && b != nullptr && a->shape <= Shape::group &&
                    (a->shape == Shape::list) == (b->shape == Shape::list) && b->shape <= Shape::group;
  if (op != Operator::add || !rows) fail_operator(op, left, right);
  Holding holding;
  holding.grow((a->items.size() + b->items.size()) * sizeof(Value));
  std::vector<Value> items = a->items;
  items.insert(items.end(), b->items.begin(), b->items.end());
  return make(a->shape == Shape::list ? Shape::list : Shape::tuple, std::move(items));
}

Value signed_value(char sign, const Value& value) {
  if (const auto whole = value.integer())
    return sign == '-' ? calculate_whole(Operator::subtract, 0, *whole) : Value(*whole);
  if (value.undefined() != nullptr) fail_undefined(value);
  if (value.real() == nullptr) fail("'{}' does not take a '{}'", sign, type_name(value));
  return Value(sign == '-' ? -*value.real() : *value.real());
}

// As Python does it: what the number looks like in decimal decides, and of two equally near the even one.
double rounded(double value, int places) {
  if (!std::isfinite(value) || places > 20) return value;
  if (places >= 0) return std::strtod(fmt::format("{:.{}f}", value, places).c_str(), nullptr);
  const double unit = std::pow(10.0, -places);
  return std::nearbyint(value / unit) * unit;
}

Integer to_integer(double value) {
  if (!std::isfinite(value) || std::abs(value) > 1e38) fail("{} has no whole number", print_real(value));
  return static_cast<Integer>(value);
}

}  // namespace plimsoll::jinja
