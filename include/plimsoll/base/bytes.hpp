// Bytes: an amount of memory. A type of its own, so that it cannot be mixed up with tokens, layers or a plain count.
#pragma once
#include <compare>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace plimsoll {

// Arithmetic is checked: overflow and going below zero throw Error{arithmetic}, they never wrap.
class Bytes {
 public:
  constexpr Bytes() = default;
  constexpr explicit Bytes(std::uint64_t value) : value_(value) {}

  [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }

  friend constexpr auto operator<=>(Bytes, Bytes) = default;

  Bytes& operator+=(Bytes other);
  Bytes& operator-=(Bytes other);
  friend Bytes operator+(Bytes a, Bytes b) { return a += b; }
  friend Bytes operator-(Bytes a, Bytes b) { return a -= b; }
  friend Bytes operator*(Bytes a, std::uint64_t factor) { return a.times(factor); }

 private:
  [[nodiscard]] Bytes times(std::uint64_t factor) const;

  std::uint64_t value_ = 0;
};

// a - b, but 0 where b is larger: "how much is missing", "how much is left".
[[nodiscard]] constexpr Bytes saturating_sub(Bytes a, Bytes b) noexcept {
  return a > b ? Bytes{a.value() - b.value()} : Bytes{};
}

// "8GiB", "512 MiB", "1.5g", "4096": binary units whatever the spelling (K, KB, KiB = 1024). The error is a sentence.
[[nodiscard]] std::expected<Bytes, std::string> parse_bytes(std::string_view text);

// For people: "0 B", "512 B", "1.50 MiB", "21.2 GiB". Never used where a number is compared or stored.
[[nodiscard]] std::string format_bytes(Bytes bytes);

inline namespace literals {
constexpr Bytes operator""_B(unsigned long long value) { return Bytes{value}; }
constexpr Bytes operator""_KiB(unsigned long long value) { return Bytes{value << 10}; }
constexpr Bytes operator""_MiB(unsigned long long value) { return Bytes{value << 20}; }
constexpr Bytes operator""_GiB(unsigned long long value) { return Bytes{value << 30}; }
}  // namespace literals

}  // namespace plimsoll
