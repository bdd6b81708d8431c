// Sounds, as a program gives them: at the rate that the model tells.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <plimsoll/plimsoll.hpp>
#include <vector>

#include "demo_model.hpp"
#include "temporary_folder.hpp"
#include "tiny_projector.hpp"

namespace plimsoll {
namespace {

std::vector<float> tone(std::int32_t rate, std::int32_t seconds) {
  std::vector<float> samples(static_cast<std::size_t>(rate) * static_cast<std::size_t>(seconds));
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<float>(std::sin(2 * std::numbers::pi * 440 * static_cast<double>(i) / rate) / 2);
  return samples;
}

TEST(Sounds, ComeAtTheRateThatTheModelTells) {
  Runtime runtime;
  const ModelInfo deaf = runtime.open(test::kModel, test::small()).info();
  EXPECT_EQ(deaf.sound_rate, 0);

  const test::TemporaryFolder folder;
  const auto width = static_cast<std::uint32_t>(deaf.n_embd_inp);
  ModelOptions options = test::small();
  options.context = {.n_ctx = 1024, .n_batch = 512, .n_ubatch = 512};
  options.projector.path = folder.write("ears.gguf", test::tiny_projector(test::ProjectorKind::hears, width).bytes());
  const Model model = runtime.open(test::kModel, options);
  EXPECT_EQ(model.info().sound_rate, 16'000);

  Conversation conversation = model.conversation();
  const std::vector<Media> sounds{Media::from_samples(tone(model.info().sound_rate, 1))};
  conversation.prompt("What is this? " + model.media_marker(), sounds);
  EXPECT_GT(std::ranges::count(conversation.tokens(), engine::kNoToken), 0);
  EXPECT_FALSE(conversation.generate(test::kGreedy).read_all().empty());
}

}  // namespace
}  // namespace plimsoll
