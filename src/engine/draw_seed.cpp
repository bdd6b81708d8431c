#include "engine/draw_seed.hpp"

#include <plimsoll/engine/sampling.hpp>

namespace plimsoll::engine {
namespace {

// SplitMix64's output function (Steele, Lea, Flood 2014): each bit of the input changes half of the output's.
std::uint64_t mixed(std::uint64_t value) noexcept {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31U);
}

}  // namespace

std::uint32_t seed_of_draw(std::uint32_t seed, const DrawPlace& place) noexcept {
  const std::uint64_t which = (static_cast<std::uint64_t>(place.link) << 32U) | place.attempt;
  const auto drawn = static_cast<std::uint32_t>(mixed(mixed(mixed(seed) ^ place.choice) ^ which) >> 32U);
  return drawn == kRandomSeed ? 0 : drawn;
}

std::uint32_t following_seed(std::uint32_t seed, std::uint32_t after) noexcept {
  constexpr std::uint64_t kSeeds = kRandomSeed;  // 0 up to the one before it
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(seed) + after) % kSeeds);
}

}  // namespace plimsoll::engine
