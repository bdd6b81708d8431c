// How values are written: Python's str() and repr() of numbers and strings, json.dumps, and both ways of formatting.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "value.hpp"

namespace plimsoll::jinja {

[[nodiscard]] std::string print_integer(Integer number);
[[nodiscard]] std::string print_real(double number);  // 1.0, 1e+16, inf
[[nodiscard]] MarkedText quote(const MarkedText& text);

struct JsonForm {
  bool ascii = false;
  std::optional<std::string> indent{};  // what each level is indented by; none: on one line
  std::string between = ", ";
  std::string after_key = ": ";
  bool sort_keys = false;
};
[[nodiscard]] MarkedText to_json(const Value& value, const JsonForm& form);

[[nodiscard]] MarkedText format_percent(const MarkedText& form, const Value& values);  // "%s is %d" % values
[[nodiscard]] MarkedText format_braces(const MarkedText& form, const Args& args, Renderer& renderer);  // "{} is {x}"
// As Python's format(value, "spec").
[[nodiscard]] MarkedText format_value(const Value& value, std::string_view spec);

}  // namespace plimsoll::jinja
