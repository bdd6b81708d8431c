// short_bytes: an amount in five columns: "512B", "4.40M", "21.2G", "1023M".
#pragma once
#include <fmt/format.h>

#include <array>
#include <string>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::tui {

[[nodiscard]] inline std::string short_bytes(Bytes bytes) {
  constexpr std::array kUnits{'K', 'M', 'G', 'T', 'P', 'E'};
  if (bytes.value() < 1024) return fmt::format("{}B", bytes.value());
  double amount = static_cast<double>(bytes.value()) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1023.5 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  const int digits = amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}", amount, digits, kUnits[unit]);
}

}  // namespace plimsoll::tui
