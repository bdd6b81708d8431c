// seed_of_draw: what a random choice depends on: the seed, and its place in the answer; nothing that came before.
#pragma once
#include <cstdint>

namespace plimsoll::engine {

struct DrawPlace {
  std::uint64_t choice = 0;   // of the answer: 0 for its first token
  std::uint32_t attempt = 0;  // at that choice: a grammar may have it made again
  std::uint32_t link = 0;     // a number for each kind that draws, so that none draws what another one has drawn
};

// A seed for a generator that draws once. Never LLAMA_DEFAULT_SEED, which the engine takes for a random one.
[[nodiscard]] std::uint32_t seed_of_draw(std::uint32_t seed, const DrawPlace& place) noexcept;

// The seed that many after this one, as if the random one were not among them. Neither is random.
[[nodiscard]] std::uint32_t following_seed(std::uint32_t seed, std::uint32_t after) noexcept;

}  // namespace plimsoll::engine
