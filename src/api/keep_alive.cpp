#include "api/keep_alive.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace plimsoll::api {
namespace {

using std::chrono::milliseconds;

std::optional<double> milliseconds_of(std::string_view unit) {
  if (unit == "ns") return 1e-6;
  if (unit == "us" || unit == "µs") return 1e-3;
  if (unit == "ms") return 1;
  if (unit == "s") return 1e3;
  if (unit == "m") return 60e3;
  if (unit == "h") return 3600e3;
  return std::nullopt;
}

// "1h30m", "-1s", "300" (seconds). Empty: it is no duration.
std::optional<double> parse_duration_ms(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(number)) return std::nullopt;  // it reads "nan" and "inf", too
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const std::string_view unit = text.substr(0, text.find_first_of("0123456789."));
    const auto factor = unit.empty() ? std::optional(1e3) : milliseconds_of(unit);
    if (!factor) return std::nullopt;
    total += number * *factor;
    text.remove_prefix(unit.size());
  }
  return negative ? -total : total;
}

KeepAlive keep_for(double ms) {
  constexpr double kForEver = 100 * 365.25 * 24 * 3600e3;  // beyond any server's life, and inside a clock's range
  if (ms < 0 || ms >= kForEver) return {};
  return {.idle = milliseconds(static_cast<std::int64_t>(ms))};
}

}  // namespace

std::optional<KeepAlive> read_keep_alive(Fields& fields, const char* key) {
  const Json* given = fields.find(key);
  if (given == nullptr) return std::nullopt;
  if (given->is_number()) return keep_for(given->get<double>() * 1e3);
  const auto ms = given->is_string() ? parse_duration_ms(given->get<std::string>()) : std::nullopt;
  if (!ms) fields.fail(key, "must be seconds, or a duration such as '5m'");
  return keep_for(*ms);
}

}  // namespace plimsoll::api
