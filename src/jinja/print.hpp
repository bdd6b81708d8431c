// How values are written: Python's str() and repr() of numbers and strings, json.dumps, and both ways of formatting.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "value.hpp"

namespace plimsoll::jinja {

[[nodiscard]] std::string print_integer(Integer number);
[[nodiscard]] std::string print_real(double number);  // 1.0, 1e+16, inf
[[nodiscard]] std::string quote(std::string_view text);

struct JsonForm {
  bool ascii = false;
  std::optional<std::string> indent{};  // what each level is indented by; none: on one line
  std::string between = ", ";
  std::string after_key = ": ";
  bool sort_keys = false;
};
[[nodiscard]] std::string to_json(const Value& value, const JsonForm& form);

[[nodiscard]] std::string format_percent(std::string_view form, const Value& values);  // "%s is %d" % values
[[nodiscard]] std::string format_braces(std::string_view form, const Args& args, Renderer& renderer);  // "{} is {x}"
// As Python's format(value, "spec").
[[nodiscard]] std::string format_value(const Value& value, std::string_view spec);

}  // namespace plimsoll::jinja
