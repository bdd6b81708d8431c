// Projectors: media in, pieces of a prompt and vectors out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "engine/backend.hpp"
#include "engine/projector.hpp"

#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_projector.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;
using test::ProjectorKind;

class Projectors : public testing::Test {
 protected:
  std::shared_ptr<Model> model(bool positions_2d = false) {
    const auto file = positions_2d ? test::tiny_qwen2vl() : test::tiny_llama();
    ModelParams params;
    params.path = folder_.write("model.gguf", file.bytes());
    params.devices = {"none"};
    return Model::load(params);
  }
  ProjectorParams params(ProjectorKind kind, std::uint32_t width = 64) {
    return {.path = folder_.write("projector.gguf", test::tiny_projector(kind, width).bytes()), .n_threads = 1};
  }
  std::unique_ptr<Projector> projector(ProjectorKind kind) {
    ProjectorParams wanted = params(kind);
    if (kind == ProjectorKind::any_size) wanted.image_max_tokens = 64;
    return Projector::load(model(kind == ProjectorKind::any_size), wanted);
  }
  static Media picture(std::uint32_t width, std::uint32_t height, std::uint32_t seed = 1) {
    return Media::from_pixels(width, height, test::random_pixels(width, height, seed));
  }

  test::TemporaryFolder folder_;
};

std::size_t tokens_of(const std::vector<PromptChunk>& chunks, ChunkKind kind) {
  std::size_t count = 0;
  for (const PromptChunk& chunk : chunks) count += chunk.kind() == kind ? chunk.n_tokens() : 0;
  return count;
}

const PromptChunk& first_medium(const std::vector<PromptChunk>& chunks) {
  return *std::ranges::find_if(chunks, [](const PromptChunk& chunk) { return chunk.kind() != ChunkKind::text; });
}

TEST_F(Projectors, SayWhatTheyCan) {
  const auto fixed = projector(ProjectorKind::fixed);
  EXPECT_TRUE(fixed->facts().sees);
  EXPECT_FALSE(fixed->facts().hears);
  EXPECT_FALSE(fixed->facts().sees_all_at_once);
  EXPECT_FALSE(fixed->facts().has_2d_positions);
  EXPECT_EQ(fixed->facts().n_embd, 64);
  EXPECT_TRUE(projector(ProjectorKind::at_once)->facts().sees_all_at_once);
  EXPECT_TRUE(projector(ProjectorKind::any_size)->facts().has_2d_positions);
  const auto hears = projector(ProjectorKind::hears);
  EXPECT_TRUE(hears->facts().hears);
  EXPECT_FALSE(hears->facts().sees);
  EXPECT_EQ(hears->facts().sample_rate, 16000);
}

TEST_F(Projectors, TakePromptsApart) {
  const auto projector = this->projector(ProjectorKind::fixed);
  const std::string marker = projector->facts().marker;
  const std::vector<Media> media{picture(40, 20), picture(32, 32)};
  const auto chunks = projector->tokenize("a " + marker + " b " + marker, media, true);
  EXPECT_EQ(tokens_of(chunks, ChunkKind::image), 32U);
  EXPECT_EQ(chunks.front().kind(), ChunkKind::text);
  EXPECT_EQ(chunks.front().tokens().front(), projector->model()->vocab().bos());
  for (const PromptChunk& chunk : chunks) {
    EXPECT_EQ(chunk.n_positions(), static_cast<llama_pos>(chunk.n_tokens()));
    EXPECT_EQ(chunk.tokens().size(), chunk.kind() == ChunkKind::text ? chunk.n_tokens() : 0U);
  }
}

TEST_F(Projectors, EncodeToVectorsOfTheModelsWidth) {
  for (const ProjectorKind kind : {ProjectorKind::fixed, ProjectorKind::at_once, ProjectorKind::any_size}) {
    const auto projector = this->projector(kind);
    const auto chunk_of = [&](const Media& medium) {
      return first_medium(projector->tokenize(projector->facts().marker, std::span(&medium, 1), false));
    };
    const PromptChunk one = chunk_of(picture(32, 32, 1));
    const std::vector<float> vectors = projector->encode(one);
    ASSERT_EQ(vectors.size(), one.n_tokens() * 64) << static_cast<int>(kind);
    EXPECT_TRUE(std::ranges::all_of(vectors, [](float number) { return std::isfinite(number); }));
    EXPECT_EQ(projector->encode(one), vectors) << "the same picture, other vectors";
    EXPECT_NE(projector->encode(chunk_of(picture(32, 32, 2))), vectors) << "another picture, the same vectors";
  }
}

TEST_F(Projectors, CountTokensAndPositionsSeparately) {
  const auto projector = this->projector(ProjectorKind::any_size);
  const Media wide = picture(48, 32);
  const PromptChunk chunk = first_medium(projector->tokenize(projector->facts().marker, std::span(&wide, 1), false));
  EXPECT_EQ(chunk.n_tokens(), 24U);   // 6 x 4, of 8 x 8 pixels each
  EXPECT_EQ(chunk.n_positions(), 6);  // the longer side
  const auto positions = projector->positions(chunk, 10);
  ASSERT_EQ(positions.size(), 24U);
  EXPECT_THAT(positions[0], testing::ElementsAre(10, 10, 10, 0));
  EXPECT_THAT(positions[5], testing::ElementsAre(10, 10, 15, 0));
  EXPECT_THAT(positions[6], testing::ElementsAre(10, 11, 10, 0));
  EXPECT_THAT(positions[23], testing::ElementsAre(10, 13, 15, 0));
}

TEST_F(Projectors, MeasurePicturesThatAreNotThere) {
  const auto projector = this->projector(ProjectorKind::any_size);
  EXPECT_EQ(tokens_of(projector->measure(48, 32), ChunkKind::image), 24U);
  EXPECT_LE(tokens_of(projector->measure(4000, 3000), ChunkKind::image), 64U);
  EXPECT_GT(tokens_of(projector->measure(4000, 3000), ChunkKind::image), 48U);
  const auto measured = projector->measure(48, 32);
  expect_error(ErrorCode::engine_failed, "projector failed", [&] { (void)projector->encode(first_medium(measured)); });
}

TEST_F(Projectors, HearSounds) {
  const auto projector = this->projector(ProjectorKind::hears);
  std::vector<float> samples(16000);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = 0.5F * std::sin(0.05F * static_cast<float>(i));
  const Media sound = Media::from_samples(samples);
  EXPECT_TRUE(sound.is_audio());
  const PromptChunk chunk = first_medium(projector->tokenize(projector->facts().marker, std::span(&sound, 1), false));
  EXPECT_EQ(chunk.kind(), ChunkKind::audio);
  EXPECT_EQ(projector->encode(chunk).size(), chunk.n_tokens() * 64);
  const Media seen = picture(8, 8);
  expect_error(ErrorCode::unsupported, "does not see",
               [&] { (void)projector->tokenize(projector->facts().marker, std::span(&seen, 1), false); });
}

TEST_F(Projectors, ReadFilesAndTheirBytes) {
  const auto projector = this->projector(ProjectorKind::fixed);
  const std::string bmp = test::bmp_file(33, 17, 5);
  const auto vectors_of = [&](const Media& medium) {
    return projector->encode(
        first_medium(projector->tokenize(projector->facts().marker, std::span(&medium, 1), false)));
  };
  const Media from_file = projector->media_from_file(folder_.write("picture.bmp", bmp));
  EXPECT_EQ(from_file.width(), 33U);
  EXPECT_EQ(from_file.height(), 17U);
  const Media from_bytes = projector->media_from_bytes({reinterpret_cast<const std::uint8_t*>(bmp.data()), bmp.size()});
  EXPECT_EQ(vectors_of(from_file), vectors_of(picture(33, 17, 5)));
  EXPECT_EQ(vectors_of(from_file), vectors_of(from_bytes));
}

TEST_F(Projectors, RefuseWhatIsNoMedium) {
  const auto projector = this->projector(ProjectorKind::fixed);
  expect_error(ErrorCode::io, "cannot be read", [&] { (void)projector->media_from_file(folder_ / "absent.png"); });
  expect_error(ErrorCode::io, "cannot be read", [&] { (void)projector->media_from_file(folder_.path()); });
  expect_error(ErrorCode::usage, "text.png",
               [&] { (void)projector->media_from_file(folder_.write("text.png", "no picture at all")); });
  expect_error(ErrorCode::usage, "cut.bmp", [&] {
    (void)projector->media_from_file(folder_.write("cut.bmp", test::bmp_file(33, 17).substr(0, 20)));
  });
  expect_error(ErrorCode::usage, "empty", [&] { (void)projector->media_from_bytes({}); });
  expect_error(ErrorCode::usage, "2 x 2", [] { (void)Media::from_pixels(2, 2, std::vector<std::uint8_t>(11)); });
  expect_error(ErrorCode::usage, "0 x 4", [] { (void)Media::from_pixels(0, 4, {}); });
  expect_error(ErrorCode::usage, "no samples", [] { (void)Media::from_samples({}); });
}

// It may come from anybody. The engine's helper looks for them in the PATH.
TEST_F(Projectors, RunNoProgramOnWhatTheyCannotRead) {
  const auto projector = this->projector(ProjectorKind::fixed);
  const std::string ran = folder_ / "ran";
  for (const char* program : {"ffprobe", "ffmpeg"}) {
    const std::filesystem::path path = folder_.write(program, "#!/bin/sh\n: > " + ran + "\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  const std::string before = std::getenv("PATH");
  const std::filesystem::path folder = std::filesystem::path(ran).parent_path();
  ASSERT_EQ(setenv("PATH", (folder.string() + ":" + before).c_str(), 1), 0);
  const std::string cut = "\x89PNG\r\n\x1A\n";
  expect_error(ErrorCode::usage, "damaged", [&] {
    (void)projector->media_from_bytes({reinterpret_cast<const std::uint8_t*>(cut.data()), cut.size()});
  });
  ASSERT_EQ(setenv("PATH", before.c_str(), 1), 0);
  EXPECT_FALSE(std::filesystem::exists(ran));
}

TEST_F(Projectors, RefusePromptsThatDoNotAddUp) {
  const auto projector = this->projector(ProjectorKind::fixed);
  const Media medium = picture(8, 8);
  expect_error(ErrorCode::usage, "0 markers", [&] { (void)projector->tokenize("a", std::span(&medium, 1), true); });
  expect_error(ErrorCode::usage, "1 markers", [&] { (void)projector->tokenize(projector->facts().marker, {}, true); });
  const auto chunks = projector->tokenize("only text", {}, true);
  ASSERT_EQ(chunks.size(), 1U);
  expect_error(ErrorCode::usage, "text is not encoded", [&] { (void)projector->encode(chunks.front()); });
}

TEST_F(Projectors, RefuseFilesThatAreNone) {
  const auto model = this->model();
  const auto load = [&](const std::string& path) { (void)Projector::load(model, {.path = path}); };
  expect_error(ErrorCode::model_unusable, "absent.gguf", [&] { load(folder_ / "absent.gguf"); });
  expect_error(ErrorCode::model_unusable, "junk.gguf", [&] { load(folder_.write("junk.gguf", "junk")); });
  expect_error(ErrorCode::model_unusable, "is not a projector", [&] { load(folder_ / "model.gguf"); });
  expect_error(ErrorCode::model_unusable, "n_embd = 48", [&] { load(params(ProjectorKind::fixed, 48).path); });
  auto headless = test::tiny_projector(ProjectorKind::fixed);
  headless.remove("clip.vision.embedding_length");
  expect_error(ErrorCode::model_unusable, "embedding_length",
               [&] { load(folder_.write("headless.gguf", headless.bytes())); });
  expect_error(ErrorCode::usage, "at least 9", [&] {
    (void)Projector::load(model,
                          {.path = params(ProjectorKind::fixed).path, .image_min_tokens = 9, .image_max_tokens = 4});
  });
  std::stop_source stop;
  stop.request_stop();
  expect_error(ErrorCode::cancelled, "cancelled",
               [&] { (void)Projector::load(model, params(ProjectorKind::fixed), {}, stop.get_token()); });
}

TEST_F(Projectors, TellWhatTheyNeedWithoutBeingLoaded) {
  ModelParams on_the_cpu;
  on_the_cpu.devices = {"none"};
  start_backends();
  EXPECT_TRUE(projector_needs(params(ProjectorKind::at_once), on_the_cpu).sees_all_at_once);
  EXPECT_EQ(projector_needs(params(ProjectorKind::at_once), on_the_cpu).image_max_tokens, 0);
  EXPECT_FALSE(projector_needs(params(ProjectorKind::hears), on_the_cpu).sees);
  EXPECT_FALSE(projector_needs(params(ProjectorKind::fixed), on_the_cpu).sees_all_at_once);
  ProjectorParams small = params(ProjectorKind::any_size);
  EXPECT_EQ(projector_needs(small, on_the_cpu).image_max_tokens, 4096);
  small.image_max_tokens = 64;
  EXPECT_EQ(projector_needs(small, on_the_cpu).image_max_tokens, 64);
  expect_error(ErrorCode::model_unusable, "junk.gguf",
               [&] { (void)projector_needs({.path = folder_.write("junk.gguf", "junk")}, on_the_cpu); });
}

}  // namespace
}  // namespace plimsoll::engine
