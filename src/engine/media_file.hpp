// media_file: what the file of a picture or a sound says of itself at its beginning, before anybody decodes it. A few
// bytes may say that they become gigabytes.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace plimsoll::engine {

struct MediaFile {
  enum class Kind { unknown, picture, sound };
  Kind kind = Kind::unknown;
  std::string_view format{};  // "PNG"; empty: unknown
  // It is one of those that are decoded here: PNG, JPEG, BMP, GIF; WAV without compression, FLAC.
  bool is_read = false;
  std::uint32_t width = 0;  // pixels of a picture that is read; 0: it is damaged
  std::uint32_t height = 0;
  double seconds = 0;  // of a sound that is read, as far as it says; 0: it is damaged, or does not say

  [[nodiscard]] std::uint64_t pixels() const noexcept { return std::uint64_t{width} * height; }
};

// Reads as the engine's decoders do (stb_image, miniaudio): what is measured here is what they would decode.
[[nodiscard]] MediaFile look_at_media_file(std::span<const std::uint8_t> file);

}  // namespace plimsoll::engine
