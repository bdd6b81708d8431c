// Media: pictures and sounds on their way to a projector, and the pieces that a prompt with media consists of.
#pragma once
#include <llama.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

struct mtmd_bitmap;
struct mtmd_input_chunk;

namespace plimsoll::engine {

// A picture or a sound, decoded: pixels or samples on the host. A shared, immutable value; any thread. Files and their
// bytes are decoded by the projector that will see or hear them (Projector::media_from_file).
class Media {
 public:
  // [width x height x 3] bytes, red green blue, row by row from the top. Throws Error{usage} for another number of
  // bytes, or none.
  [[nodiscard]] static Media from_pixels(std::uint32_t width, std::uint32_t height, std::span<const std::uint8_t> rgb);
  // One channel at the projector's own rate (ProjectorFacts::sample_rate), -1 to 1. Throws Error{usage} for none.
  [[nodiscard]] static Media from_samples(std::span<const float> samples);

  [[nodiscard]] bool is_audio() const;
  [[nodiscard]] std::uint32_t width() const;   // pixels; of a sound: how many samples
  [[nodiscard]] std::uint32_t height() const;  // pixels; of a sound: 1
  // Pixels as from_pixels() takes them, or samples as from_samples() does: as many as the width, of 4 bytes.
  [[nodiscard]] std::span<const std::uint8_t> bytes() const;
  [[nodiscard]] mtmd_bitmap* handle() const noexcept { return bitmap_.get(); }
  // The same value, not merely an equal one.
  friend bool operator==(const Media&, const Media&) = default;

 private:
  friend class Projector;
  explicit Media(mtmd_bitmap* bitmap);
  std::shared_ptr<mtmd_bitmap> bitmap_;
};

enum class ChunkKind { text, image, audio };

// One piece of a prompt: tokens of text, or one picture or sound (or a slice of one), preprocessed and not yet encoded.
// A shared, immutable value.
class PromptChunk {
 public:
  // Text whose tokens somebody has chosen; no tokens are none.
  [[nodiscard]] static PromptChunk of_tokens(std::vector<llama_token> tokens);
  [[nodiscard]] ChunkKind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::vector<llama_token>& tokens() const noexcept { return tokens_; }  // of text; else none
  // Cells of the cache that it takes: one for each token, or for each vector that stands for a part of the picture.
  [[nodiscard]] std::size_t n_tokens() const noexcept { return n_tokens_; }
  // Positions that it takes. As many as tokens, but fewer where positions have several dimensions (M-RoPE): a picture
  // of 6 x 4 vectors moves the text behind it by 6.
  [[nodiscard]] llama_pos n_positions() const noexcept { return n_positions_; }
  // Its vectors see each other in both directions, so that all of them must be decoded in one micro-batch.
  [[nodiscard]] bool sees_all_at_once() const noexcept { return sees_all_at_once_; }
  [[nodiscard]] mtmd_input_chunk* handle() const noexcept { return chunk_.get(); }

 private:
  friend class Projector;
  PromptChunk() = default;
  ChunkKind kind_ = ChunkKind::text;
  std::vector<llama_token> tokens_;
  std::size_t n_tokens_ = 0;
  llama_pos n_positions_ = 0;
  bool sees_all_at_once_ = false;
  std::shared_ptr<mtmd_input_chunk> chunk_;
};

}  // namespace plimsoll::engine
