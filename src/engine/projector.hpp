// Projector: what turns pictures and sounds into vectors that a language model reads in the place of tokens (the
// "mmproj" file of llama.cpp; libmtmd does the work).
#pragma once
#include <llama.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/batch.hpp"
#include "engine/media.hpp"
#include "engine/model.hpp"

struct mtmd_context;

namespace plimsoll::engine {

struct ProjectorFacts {
  bool sees = false;
  bool hears = false;
  std::int32_t sample_rate = 0;   // Hz of the sounds it takes; 0: none
  bool has_2d_positions = false;  // the model's positions have several dimensions (M-RoPE)
  bool sees_all_at_once = false;  // a picture's vectors must be decoded in one micro-batch
  std::int32_t n_embd = 0;        // numbers of a vector: ModelFacts::n_embd_inp
  std::string marker;             // what stands for a medium in a prompt: "<__media__>"
};

// What a projector takes before any of it is taken; asked of the engine, which simulates the load. Needs started
// backends. Throws as Projector::load, except that the model it belongs to is not looked at.
struct ProjectorNeeds {
  bool sees = false;
  std::int32_t image_max_tokens =
      0;  // vectors of the largest picture where it takes any size; 0: it scales them to one
  bool sees_all_at_once = false;
};
[[nodiscard]] ProjectorNeeds projector_needs(const ProjectorParams& params, const ModelParams& model);

struct ProjectorSenses {
  bool sees = false;
  bool hears = false;
};
// What the file says of itself; nothing is loaded. Throws Error{model_unusable}.
[[nodiscard]] ProjectorSenses projector_senses(const ProjectorParams& params);

// Keeps its model alive. One thread at a time, except where a function says more. Encoding has nothing to do with a
// context: the vectors come back to the host.
class Projector {
 public:
  // Throws Error: model_unusable (missing, no projector, damaged, made for another model), out_of_device_memory,
  // cancelled.
  [[nodiscard]] static std::unique_ptr<Projector> load(std::shared_ptr<Model> model, const ProjectorParams& params,
                                                       Progress progress = {}, std::stop_token stop = {});
  ~Projector();
  Projector(const Projector&) = delete;
  Projector& operator=(const Projector&) = delete;

  [[nodiscard]] const ProjectorFacts& facts() const noexcept { return facts_; }
  [[nodiscard]] const ProjectorParams& params() const noexcept { return params_; }
  [[nodiscard]] const std::shared_ptr<Model>& model() const noexcept { return model_; }
  [[nodiscard]] mtmd_context* handle() const noexcept { return context_; }

  // A file, or the bytes of one: PNG, JPEG, BMP, GIF; WAV, MP3, FLAC where it hears. Any thread. Throws Error: io
  // (cannot be read), usage (no such medium, or damaged), unsupported (a sound for a projector that does not hear).
  [[nodiscard]] Media media_from_file(const std::filesystem::path& path) const;
  [[nodiscard]] Media media_from_bytes(std::span<const std::uint8_t> file) const;

  // The prompt as pieces in their order. Each marker in the text stands for one medium; special tokens are read as
  // such. `begins`: with the model's own begin token. A picture may become several pieces (slices), with text between
  // them. Any thread. Throws Error: usage (another number of markers than of media, a medium that it cannot take),
  // unsupported (the model has no vocabulary).
  [[nodiscard]] std::vector<PromptChunk> tokenize(std::string_view text, std::span<const Media> media,
                                                  bool begins) const;
  // How many tokens and of how many positions a picture of this size would become, without one.
  [[nodiscard]] std::vector<PromptChunk> measure(std::uint32_t width, std::uint32_t height) const;

  // [n_tokens x n_embd] numbers. Throws Error: usage (a piece of text, or one that was only measured),
  // engine_failed (also where an allocation was refused).
  [[nodiscard]] std::vector<float> encode(const PromptChunk& chunk);
  // Where its vectors go when the first is at `first`: for each one time, row, column and one more, unused. Without
  // several dimensions all but the first are not looked at. Any thread.
  [[nodiscard]] std::vector<Position4> positions(const PromptChunk& chunk, llama_pos first) const;

 private:
  Projector() = default;
  [[nodiscard]] PromptChunk described(mtmd_input_chunk* chunk) const;
  [[nodiscard]] std::vector<PromptChunk> chunks(std::string_view text, std::span<const Media> media, bool begins) const;

  std::shared_ptr<Model> model_;
  ProjectorParams params_;
  ProjectorFacts facts_;
  mtmd_context* context_ = nullptr;
};

}  // namespace plimsoll::engine
