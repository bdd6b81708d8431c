#include <plimsoll/base/bytes.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/lower_case.hpp"

namespace plimsoll {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();  // what JSON and SQLite hold as an integer

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view{}
                                         : text.substr(first, text.find_last_not_of(' ') - first + 1);
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
    throw Error(ErrorCode::arithmetic, "an amount of bytes would fall below zero",
                {{"a", value_}, {"b", other.value_}});
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
  const auto too_large = [&] { return std::unexpected(fmt::format("'{}' is more than any machine holds", text)); };
  const std::string compact = lower_case(trimmed(text));
  const std::size_t digits = std::min(compact.find_first_not_of("0123456789."), compact.size());
  const char* const first = compact.data();
  const char* const last = first + digits;
  const int shift = shift_of(trimmed(std::string_view(compact).substr(digits)));
  if (digits == 0 || shift < 0) return not_a_size();

  // Whole numbers stay integers: a double has too few digits for a large count of bytes.
  std::uint64_t whole = 0;
  if (const auto [end, error] = std::from_chars(first, last, whole); end == last) {
    if (error != std::errc{} || whole > kLargest >> shift) return too_large();
    return Bytes{whole << shift};
  }
  double number = 0;
  if (const auto [end, error] = std::from_chars(first, last, number, std::chars_format::fixed);
      end != last || error == std::errc::invalid_argument) {
    return not_a_size();
  }
  const double bytes = std::round(std::ldexp(number, shift));
  if (!(bytes < static_cast<double>(kLargest))) return too_large();
  return Bytes{static_cast<std::uint64_t>(bytes)};
}

std::string format_bytes(Bytes bytes) {
  static constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes.value() < 1024) return fmt::format("{} B", bytes.value());
  double amount = static_cast<double>(bytes.value()) / 1024;
  std::size_t unit = 0;
  // Rounded as it will be shown: never "1024 KiB", never four digits.
  while (amount >= 1023.5 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  const int decimals = amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", amount, decimals, kUnits[unit]);
}

}  // namespace plimsoll
