// tiny_projector: small random projectors, and a model with several dimensions of positions to go with one.
#pragma once
#include <cstdint>
#include <vector>

#include "tiny_gguf.hpp"

namespace plimsoll::test {

enum class ProjectorKind {
  fixed,     // LLaVA's: every picture is scaled to 32 x 32 and becomes 16 vectors
  at_once,   // Gemma 3's: 32 x 32, 16 vectors that see each other
  any_size,  // Qwen2-VL's: a vector for each 8 x 8 pixels, positions of several dimensions
  hears,     // Ultravox's: sounds of 16 kHz, in pieces of 30 s
};

// For models of this width (tiny_llama: 64). The same for the same seed.
[[nodiscard]] TinyGguf tiny_projector(ProjectorKind kind, std::uint32_t width = 64, std::uint32_t seed = 1);

// tiny_llama with Qwen2-VL's positions.
[[nodiscard]] TinyGguf tiny_qwen2vl(std::uint32_t seed = 1);

// A picture of random pixels: [width x height x 3].
[[nodiscard]] std::vector<std::uint8_t> random_pixels(std::uint32_t width, std::uint32_t height,
                                                      std::uint32_t seed = 1);
// The same as the bytes of a BMP file.
[[nodiscard]] std::string bmp_file(std::uint32_t width, std::uint32_t height, std::uint32_t seed = 1);

}  // namespace plimsoll::test
