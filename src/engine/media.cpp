#include "engine/media.hpp"

#include <mtmd.h>

#include <fmt/format.h>

#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {

Media::Media(mtmd_bitmap* bitmap) : bitmap_(bitmap, mtmd_bitmap_free) {}

Media Media::from_pixels(std::uint32_t width, std::uint32_t height, std::span<const std::uint8_t> rgb) {
  const std::uint64_t pixels = std::uint64_t{width} * height;
  if (pixels == 0 || rgb.size() % 3 != 0 || rgb.size() / 3 != pixels) {
    throw Error(ErrorCode::usage, fmt::format("a picture of {} x {} pixels has three bytes for each; {} were given",
                                              width, height, rgb.size()));
  }
  return Media(mtmd_bitmap_init(width, height, rgb.data()));
}

Media Media::from_samples(std::span<const float> samples) {
  if (samples.empty()) throw Error(ErrorCode::usage, "there are no samples in this sound");
  return Media(mtmd_bitmap_init_from_audio(samples.size(), samples.data()));
}

bool Media::is_audio() const { return mtmd_bitmap_is_audio(bitmap_.get()); }
std::uint32_t Media::width() const { return mtmd_bitmap_get_nx(bitmap_.get()); }
std::uint32_t Media::height() const { return mtmd_bitmap_get_ny(bitmap_.get()); }
std::span<const std::uint8_t> Media::bytes() const {
  return {mtmd_bitmap_get_data(bitmap_.get()), mtmd_bitmap_get_n_bytes(bitmap_.get())};
}

PromptChunk PromptChunk::of_tokens(std::vector<llama_token> tokens) {
  PromptChunk out;
  out.tokens_ = std::move(tokens);
  out.n_tokens_ = out.tokens_.size();
  out.n_positions_ = static_cast<llama_pos>(out.n_tokens_);
  return out;
}

}  // namespace plimsoll::engine
