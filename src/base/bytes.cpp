#include <plimsoll/base/bytes.hpp>

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll {
namespace {

std::string lower_without_spaces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ') out.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return out;
}

// Shift for a unit spelled in any of the usual ways; -1 for none of them.
int shift_of(std::string_view unit) {
  static constexpr std::array<std::pair<char, int>, 5> kUnits{{{'k', 10}, {'m', 20}, {'g', 30}, {'t', 40}, {'p', 50}}};
  if (unit.empty() || unit == "b") return 0;
  for (const auto& [letter, shift] : kUnits) {
    if (unit.front() != letter) continue;
    const std::string_view rest = unit.substr(1);
    if (rest.empty() || rest == "b" || rest == "ib" || rest == "i") return shift;
  }
  return -1;
}

}  // namespace

Bytes& Bytes::operator+=(Bytes other) {
  if (other.value_ > std::numeric_limits<std::uint64_t>::max() - value_) {
    throw Error(ErrorCode::arithmetic, "a sum of bytes is too large to hold", {{"a", value_}, {"b", other.value_}});
  }
  value_ += other.value_;
  return *this;
}

Bytes& Bytes::operator-=(Bytes other) {
  if (other.value_ > value_) {
    throw Error(ErrorCode::arithmetic, "an amount of bytes would fall below zero", {{"a", value_}, {"b", other.value_}});
  }
  value_ -= other.value_;
  return *this;
}

Bytes Bytes::times(std::uint64_t factor) const {
  if (factor != 0 && value_ > std::numeric_limits<std::uint64_t>::max() / factor) {
    throw Error(ErrorCode::arithmetic, "a product of bytes is too large to hold", {{"a", value_}, {"b", factor}});
  }
  return Bytes{value_ * factor};
}

std::expected<Bytes, std::string> parse_bytes(std::string_view text) {
  const auto not_a_size = [&] {
    return std::unexpected(fmt::format("'{}' is not a size; write it like 8GiB, 512MiB or 1.5g", text));
  };
  const std::string compact = lower_without_spaces(text);
  double number = 0;
  const auto [end, error] =
      std::from_chars(compact.data(), compact.data() + compact.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || number < 0 || !std::isfinite(number)) return not_a_size();
  const int shift = shift_of({end, compact.data() + compact.size()});
  if (shift < 0) return not_a_size();
  const double bytes = std::round(std::ldexp(number, shift));
  if (bytes >= 0x1p63) return std::unexpected(fmt::format("'{}' is more than any machine holds", text));
  return Bytes{static_cast<std::uint64_t>(bytes)};
}

std::string format_bytes(Bytes bytes) {
  static constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes.value() < 1024) return fmt::format("{} B", bytes.value());
  double amount = static_cast<double>(bytes.value()) / 1024;
  std::size_t unit = 0;
  while (amount >= 1023.995 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  const int decimals = amount < 10 ? 2 : amount < 100 ? 1 : 0;
  return fmt::format("{:.{}f} {}", amount, decimals, kUnits[unit]);
}

}  // namespace plimsoll
