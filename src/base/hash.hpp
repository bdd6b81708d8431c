// Fnv1a: a 64-bit hash that is the same on every machine. Against damage and mix-ups, not against malice.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace plimsoll {

class Fnv1a {
 public:
  void add(std::span<const std::byte> bytes) noexcept {
    for (const std::byte byte : bytes) value_ = (value_ ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001B3ULL;
  }
  void add(std::string_view text) noexcept { add(std::as_bytes(std::span(text))); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }
  [[nodiscard]] std::string hex() const;  // 16 digits

 private:
  std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

}  // namespace plimsoll
