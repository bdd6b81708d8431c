#include "media_warm_up.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "run/instance.hpp"

#include "run/decode_failure.hpp"

namespace plimsoll::run {
namespace {

constexpr std::uint32_t kLargestSide = 4096;
constexpr std::uint32_t kSmallestSide = 64;
constexpr std::size_t kSoundSeconds = 30;  // what whisper's encoder hears at once; longer sounds come in pieces

struct Size {
  std::uint32_t width;
  std::uint32_t height;
};

std::size_t largest_piece(const std::vector<engine::PromptChunk>& chunks) {
  std::size_t most = 0;
  for (const engine::PromptChunk& chunk : chunks) {
    if (chunk.kind() == engine::ChunkKind::image) most = std::max(most, chunk.n_tokens());
  }
  return most;
}

// The smallest square that becomes as many vectors as the largest one does.
std::uint32_t side_of_the_largest(const engine::Projector& projector) {
  const std::size_t most = largest_piece(projector.measure(kLargestSide, kLargestSide));
  std::uint32_t side = kLargestSide;
  while (side > kSmallestSide && largest_piece(projector.measure(side / 2, side / 2)) == most) side /= 2;
  return side;
}

// Every piece of it through the projector, and through the context from an empty memory on, as far as it goes.
void drive(Instance& instance, const engine::Media& medium) {
  engine::Projector& projector = instance.projector();
  engine::Context& context = instance.context();
  const std::size_t room = context.facts().n_ctx_seq;
  const auto width = static_cast<std::size_t>(projector.facts().n_embd);
  for (const engine::PromptChunk& chunk : projector.tokenize(projector.facts().marker, std::span(&medium, 1), false)) {
    if (chunk.kind() == engine::ChunkKind::text) continue;
    const std::vector<float> vectors = instance.project(chunk);
    const std::vector<engine::Position4> positions = projector.positions(chunk, 0);
    if (chunk.sees_all_at_once() && chunk.n_tokens() > context.facts().n_ubatch) continue;
    context.clear();
    const std::size_t count = std::min(chunk.n_tokens(), room);
    for (std::size_t from = 0; from < count; from += context.facts().n_batch) {
      engine::Batch batch;
      batch.set_sees_all(chunk.sees_all_at_once());
      const std::size_t end = std::min<std::size_t>(count, from + context.facts().n_batch);
      for (std::size_t i = from; i < end; ++i) {
        const auto vector = std::span(vectors).subspan(i * width, width);
        if (projector.facts().has_2d_positions)
          batch.add_embedding(vector, positions[i], 0, i + 1 == end);
        else
          batch.add_embedding(vector, positions[i][0], 0, i + 1 == end);
      }
      require_decoded(context.decode(batch), "the warm-up");
    }
    context.synchronize();
  }
}

}  // namespace

std::vector<std::pair<std::string, std::function<void()>>> media_warm_up(Instance& instance) {
  std::vector<std::pair<std::string, std::function<void()>>> steps;
  if (!instance.plan().request.projector.wanted()) return steps;
  const engine::Projector& projector = instance.projector();
  if (projector.facts().sees) {
    const std::uint32_t side = side_of_the_largest(projector);
    for (const Size size : {Size{side, side}, Size{2 * side, side}, Size{side, 2 * side}, Size{4 * side, side / 2},
                            Size{side / 2, 4 * side}}) {
      steps.emplace_back(fmt::format("picture of {} x {}", size.width, size.height), [&instance, size] {
        const std::vector<std::uint8_t> grey(std::size_t{3} * size.width * size.height, 127);
        drive(instance, engine::Media::from_pixels(size.width, size.height, grey));
      });
    }
  }
  if (projector.facts().hears) {
    steps.emplace_back(fmt::format("sound of {} s", kSoundSeconds), [&instance] {
      const auto rate = static_cast<std::size_t>(instance.projector().facts().sample_rate);
      drive(instance, engine::Media::from_samples(std::vector<float>(kSoundSeconds * rate)));
    });
  }
  return steps;
}

}  // namespace plimsoll::run
