// answer_size: how large a structure is that a function of C returns by value, without knowing the structure.
#pragma once
#include <array>
#include <cstddef>
#include <cstring>

namespace plimsoll::guard {

// `fill` writes the structure to the place that it is given. Asked twice, into places filled differently: what differs
// afterwards was not written. Whole words, since the bytes that fill up the last one may be left alone.
template <class Fill>
[[nodiscard]] std::size_t size_of_answer(Fill&& fill) {
  constexpr std::size_t kMost = 2048;
  constexpr std::size_t kWord = 8;
  alignas(16) std::array<unsigned char, kMost> zeros{};
  alignas(16) std::array<unsigned char, kMost> ones{};
  std::memset(ones.data(), 0xFF, kMost);
  fill(static_cast<void*>(zeros.data()));
  fill(static_cast<void*>(ones.data()));
  std::size_t end = kMost;
  while (end > 0 && zeros[end - 1] == 0 && ones[end - 1] == 0xFF) --end;
  return (end + kWord - 1) / kWord * kWord;
}

}  // namespace plimsoll::guard
