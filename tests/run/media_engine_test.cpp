// Prompts with pictures and sounds: planned, warmed, decoded where the engine's own helper would, nothing after the
// seal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mtmd-helper.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "run/batched_executor.hpp"
#include "run/generation.hpp"
#include "run/state_archive.hpp"

#include "conversation_model.hpp"
#include "expect_error.hpp"
#include "fault_injector.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"
#include "tiny_projector.hpp"

namespace plimsoll::run {
namespace {

using engine::DecodeStatus;
using engine::Media;
using test::expect_error;
using test::ProjectorKind;

constexpr float kNear = 2e-3F;

class MediaPrompts : public testing::TestWithParam<ProjectorKind> {
 protected:
  plan::Request request(ProjectorKind kind, std::uint32_t sequences = 2) {
    const auto model = kind == ProjectorKind::any_size ? test::tiny_qwen2vl() : test::tiny_llama();
    plan::Request request{.name = "tiny", .dry_run = {}};
    request.dry_run.model.path = folder_.write("model.gguf", model.bytes());
    request.dry_run.model.devices = {"none"};
    request.dry_run.projector.path = folder_.write("projector.gguf", test::tiny_projector(kind).bytes());
    request.dry_run.projector.n_threads = 1;
    if (kind == ProjectorKind::any_size) request.dry_run.projector.image_max_tokens = 64;
    request.dry_run.context.n_ctx = 1024 * sequences;  // a sound of 30 s is 375 vectors
    request.dry_run.context.n_batch = 48;
    request.dry_run.context.n_ubatch = 32;
    request.dry_run.context.n_seq_max = sequences;
    request.dry_run.context.n_threads = 1;
    request.dry_run.context.flash_attn = engine::FlashAttention::off;
    return request;
  }
  void open(ProjectorKind kind, std::uint32_t sequences = 2) { open(request(kind, sequences)); }
  void open(const plan::Request& request) {
    instance = test::ready(accounting, request);
    executor.emplace(*instance);
  }

  Media medium(std::uint32_t seed = 1, std::uint32_t width = 48, std::uint32_t height = 32) const {
    if (instance->projector().facts().sees)
      return Media::from_pixels(width, height, test::random_pixels(width, height, seed));
    std::vector<float> samples(16000);
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i] = 0.5F * std::sin(0.03F * static_cast<float>(i * (seed + 1)));
    return Media::from_samples(samples);
  }
  std::string marker() const { return instance->projector().facts().marker; }

  // What the engine's own helper makes of the same prompt, in a context of its own.
  std::vector<float> reference(const std::string& text, const std::vector<Media>& media) {
    engine::ContextParams params = instance->plan().request.context;
    params.n_ctx = instance->plan().dry_run.context.n_ctx_seq;
    params.n_seq_max = 1;
    const auto context = engine::Context::create(instance->model(), params);
    const auto projector = engine::Projector::load(instance->model(), instance->projector().params());
    mtmd_input_chunks* chunks = mtmd_input_chunks_init();
    std::vector<const mtmd_bitmap*> bitmaps;
    for (const Media& each : media) bitmaps.push_back(each.handle());
    const mtmd_input_text input{
        .text = text.c_str(), .text_len = text.size(), .add_special = true, .parse_special = true};
    EXPECT_EQ(mtmd_tokenize(projector->handle(), chunks, &input, bitmaps.data(), bitmaps.size()), 0);
    llama_pos end = 0;
    EXPECT_EQ(mtmd_helper_eval_chunks(projector->handle(), context->handle(), chunks, 0, 0, 32, true, &end), 0);
    mtmd_input_chunks_free(chunks);
    const std::span<const float> logits = context->logits(-1);
    end_of_reference = end;
    return {logits.begin(), logits.end()};
  }

  std::vector<float> fresh(const Conversation& conversation) {
    return test::FreshEvaluation(*instance).logits(conversation.tokens());
  }

  test::TemporaryFolder folder_;
  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance;
  std::optional<BatchedExecutor> executor;
  engine::Position end_of_reference = 0;
};

std::string name_of(const testing::TestParamInfo<ProjectorKind>& info) {
  constexpr std::array kNames{"Fixed", "AtOnce", "AnySize", "Hears"};
  return kNames[static_cast<std::size_t>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Every, MediaPrompts,
                         testing::Values(ProjectorKind::fixed, ProjectorKind::at_once, ProjectorKind::any_size,
                                         ProjectorKind::hears),
                         name_of);

using Lines = std::map<std::string, std::uint64_t>;
Lines exact_entries(const std::vector<plan::Entry>& entries) {
  Lines out;
  for (const plan::Entry& entry : entries) {
    if (entry.stage == memory::Stage::runtime) continue;
    out[entry.device.name() + " " + entry.buffer + " " + std::string(memory::to_string(entry.stage))] =
        entry.bytes.value();
  }
  return out;
}

TEST_P(MediaPrompts, ThePlanIsWhatIsTaken) {
  open(GetParam());
  const Lines planned = exact_entries(instance->plan().entries);
  EXPECT_EQ(exact_entries(instance->snapshot()), planned);
  EXPECT_GT(planned.at("CPU CPU projector"), test::tiny_projector(GetParam()).bytes().size() / 2);
}

TEST_P(MediaPrompts, LogitsAreThoseOfTheEnginesOwnHelper) {
  open(GetParam());
  const std::string text = "see " + marker() + " and " + marker() + " now";
  const std::vector<Media> media{medium(1), medium(2)};
  Conversation conversation = executor->create();
  conversation.prompt(text, media);
  const std::size_t cells = conversation.size();
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  const std::vector<float> expected = reference(text, media);
  EXPECT_LE(test::largest_difference(conversation.logits(), expected), kNear);
  EXPECT_EQ(conversation.next_position(), end_of_reference);
  EXPECT_EQ(conversation.size(), cells);
  const auto positions = static_cast<std::size_t>(conversation.next_position());
  if (GetParam() == ProjectorKind::any_size) {
    EXPECT_LT(positions, cells);
  } else {
    EXPECT_EQ(positions, cells);
  }

  Conversation other = executor->create();
  other.prompt(text, std::vector<Media>{medium(1), medium(3)});
  ASSERT_EQ(other.infer(), DecodeStatus::ok);
  EXPECT_GT(test::largest_difference(other.logits(), expected), 5 * kNear) << "another medium, the same logits";
}

TEST_P(MediaPrompts, NothingIsAllocatedAfterTheSeal) {
  open(GetParam());
  for (std::uint32_t i = 0; i < 4; ++i) {
    Conversation conversation = executor->create();
    conversation.prompt("a" + marker() + "b", std::vector<Media>{medium(i, 20 + 40 * i, 16 + 8 * i)});
    Generation generation(conversation, {.predict = 4, .ignore_end_of_generation = true});
    (void)stream(generation);
  }
  const memory::SealCounts counts = instance->seal_counts();
  EXPECT_EQ(counts.refused_after_seal, 0U);
  EXPECT_EQ(counts.allocations_after_seal, 0U);
  EXPECT_EQ(exact_entries(instance->snapshot()), exact_entries(instance->plan().entries));
}

TEST_P(MediaPrompts, ConversationsWithAndWithoutMediaDoNotDisturbEachOther) {
  open(GetParam());
  const std::string text = "x " + marker() + " y";
  const std::vector<Media> media{medium()};
  Conversation sees = executor->create();
  Conversation reads = executor->create();
  sees.prompt(text, media);
  reads.prompt("only words here");
  while (sees.requires_inference() || reads.requires_inference()) ASSERT_EQ(executor->infer(), DecodeStatus::ok);
  const std::vector<float> alone = reference(text, media);
  EXPECT_LE(test::largest_difference(sees.logits(), alone), kNear);
  EXPECT_LE(test::largest_difference(reads.logits(), reference("only words here", {})), kNear);
}

TEST_P(MediaPrompts, AForkGoesOnFromTheSamePicture) {
  open(GetParam());
  Conversation one = executor->create();
  one.prompt("x " + marker(), std::vector<Media>{medium()});
  Conversation waits = one.fork();  // with vectors that wait
  one.prompt(" tail");
  waits.prompt(" tail");
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  ASSERT_EQ(waits.infer(), DecodeStatus::ok);
  EXPECT_LE(test::largest_difference(one.logits(), waits.logits()), kNear);
}

TEST_P(MediaPrompts, CanBeSavedAndTakenUpAgain) {
  open(GetParam());
  Conversation one = executor->create();
  one.prompt("x " + marker(), std::vector<Media>{medium()});
  expect_error(ErrorCode::usage, "are not saved", [&] { (void)one.save(); });
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  const std::string path = folder_ / "state";
  write_archive(std::filesystem::path(path), one.save());
  Conversation again = executor->load(read_sequence_archive(std::filesystem::path(path)));
  EXPECT_EQ(again.next_position(), one.next_position());
  EXPECT_EQ(again.size(), one.size());
  one.prompt("tail");
  again.prompt("tail");
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  ASSERT_EQ(again.infer(), DecodeStatus::ok);
  EXPECT_LE(test::largest_difference(one.logits(), again.logits()), kNear);
}

TEST_P(MediaPrompts, ACancelledPromptCanBeGoneOnWith) {
  open(GetParam());
  const std::string text = "a rather long beginning, so that it takes several batches " + marker() + " and an end";
  const std::vector<Media> media{medium()};
  Conversation conversation = executor->create();
  conversation.prompt(text, media);
  std::stop_source stop;
  const DecodeStatus status = conversation.infer(stop.get_token(), [&](std::size_t) { stop.request_stop(); });
  ASSERT_EQ(status, DecodeStatus::aborted);
  ASSERT_TRUE(conversation.requires_inference());
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  EXPECT_LE(test::largest_difference(conversation.logits(), reference(text, media)), kNear);
}

TEST_P(MediaPrompts, RewindTakesAPictureBackAsAWhole) {
  open(GetParam());
  Conversation conversation = executor->create();
  conversation.prompt("x");
  const std::size_t before = conversation.size();
  const auto position = conversation.next_position();
  conversation.prompt(marker() + "y", std::vector<Media>{medium()});
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  if (GetParam() == ProjectorKind::any_size) {
    const auto& tokens = conversation.tokens();
    const auto first = static_cast<std::size_t>(std::ranges::find(tokens, LLAMA_TOKEN_NULL) - tokens.begin());
    expect_error(ErrorCode::usage, "as a whole only", [&] { conversation.rewind(tokens.size() - first - 5); });
  }
  conversation.rewind(conversation.size() - before);
  EXPECT_EQ(conversation.next_position(), position);
  conversation.prompt("z");
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  EXPECT_LE(test::largest_difference(conversation.logits(), fresh(conversation)), kNear);
}

// A server's prompts: pieces whose beginning is there already.
TEST_P(MediaPrompts, AReplacedPromptKeepsWhatIsTheSame) {
  open(GetParam());
  const auto text = [&](const std::string& words) {
    return engine::PromptChunk::of_tokens(instance->model()->vocab().tokenize(words, false, true));
  };
  const auto prompt = [&](const Media& seen, const std::string& end) {
    std::vector<engine::PromptChunk> chunks{text("see ")};
    chunks.append_range(instance->projector().tokenize(marker(), std::span(&seen, 1), false));
    chunks.push_back(text(end));
    return chunks;
  };
  const auto fresh_logits = [&](const std::vector<engine::PromptChunk>& chunks) {
    Conversation alone = executor->create();
    EXPECT_EQ(alone.replace(chunks, 0), 0U);
    EXPECT_EQ(alone.infer(), DecodeStatus::ok);
    const std::span<const float> logits = alone.logits();
    return std::vector<float>(logits.begin(), logits.end());
  };
  const auto one = prompt(medium(1), " and so");
  const auto longer = prompt(medium(1), " and so on");
  const auto other = prompt(medium(2), " and so on");
  Conversation conversation = executor->create();
  (void)conversation.replace(one, 0);
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  const std::size_t all = conversation.size();

  EXPECT_EQ(conversation.replace(one, all), all - 1) << "its last token is decoded again";
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  EXPECT_LE(test::largest_difference(conversation.logits(), fresh_logits(one)), kNear);

  const std::size_t same = all - one.back().n_tokens();
  EXPECT_EQ(conversation.replace(longer, same), same);
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  EXPECT_LE(test::largest_difference(conversation.logits(), fresh_logits(longer)), kNear);

  const std::size_t before = one.front().n_tokens();
  EXPECT_LE(conversation.replace(other, before + 1), before + 1) << "nothing of a picture that is another one";
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  EXPECT_LE(test::largest_difference(conversation.logits(), fresh_logits(other)), kNear);
}

using MediaMisuse = MediaPrompts;
INSTANTIATE_TEST_SUITE_P(One, MediaMisuse, testing::Values(ProjectorKind::any_size), name_of);

TEST_P(MediaMisuse, IsNamedAndChangesNothing) {
  open(ProjectorKind::any_size);
  Conversation conversation = executor->create();
  conversation.prompt("x");
  const auto tokens = conversation.tokens();
  const std::vector<Media> one{medium()};
  expect_error(ErrorCode::usage, "2 markers", [&] { conversation.prompt(marker() + marker(), one); });
  expect_error(ErrorCode::unsupported, "does not hear", [&] {
    conversation.prompt(marker(), std::vector<Media>{Media::from_samples(std::vector<float>(100))});
  });
  std::string many;
  for (int i = 0; i < 50; ++i) many += marker();
  expect_error(ErrorCode::context_overflow, "holds 1024",
               [&] { conversation.prompt(many, std::vector<Media>(50, medium())); });
  EXPECT_EQ(conversation.tokens(), tokens);
  conversation.prompt("y");
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  EXPECT_LE(test::largest_difference(conversation.logits(), fresh(conversation)), kNear);
  expect_error(ErrorCode::unsupported, "are not kept", [&] {
    conversation.prompt(marker(), one);
    ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
    conversation.reprefill_without(1, 0);
  });
}

TEST_P(MediaMisuse, WithoutAProjectorThereAreNoMedia) {
  plan::Request plain = request(ProjectorKind::fixed);
  plain.dry_run.projector = {};
  open(plain);
  Conversation conversation = executor->create();
  expect_error(ErrorCode::usage, "without a projector", [&] {
    conversation.prompt("<__media__>", std::vector<Media>{Media::from_pixels(1, 1, std::vector<std::uint8_t>(3))});
  });
  EXPECT_EQ(conversation.size(), 0U);
}

TEST_P(MediaMisuse, APlanWhoseMicroBatchIsTooSmallIsRefusedByName) {
  plan::Request small = request(ProjectorKind::at_once);
  small.dry_run.context.n_ubatch = 8;
  expect_error(ErrorCode::usage, "n_ubatch 16", [&] { (void)test::plan_of(small); });
}

TEST_P(MediaMisuse, AProjectorThatIsNoneIsTheFilesFault) {
  plan::Request wrong = request(ProjectorKind::fixed);
  wrong.dry_run.projector.path = wrong.dry_run.model.path;
  expect_error(ErrorCode::model_unusable, "is not a projector", [&] { (void)test::plan_of(wrong); });
  wrong.dry_run.projector.path = folder_ / "absent.gguf";
  expect_error(ErrorCode::model_unusable, "absent.gguf", [&] { (void)test::plan_of(wrong); });
}

// Unlimited, it would take pictures of 4096 vectors and reserves for 2116: then those are the limit.
TEST_P(MediaMisuse, PicturesAreLimitedToWhatIsReserved) {
  plan::Request unlimited = request(ProjectorKind::any_size);
  unlimited.dry_run.projector.image_max_tokens = 0;
  const plan::Plan plan = test::plan_of(unlimited);
  EXPECT_EQ(plan.models.front().dry_run.picture_tokens, 2116);
  auto opened = test::reserve(accounting, plan);
  opened->load();
  EXPECT_LE(opened->projector().measure(8000, 8000).front().n_tokens(), 2116U);
}

// A picture larger than any that was driven is not tried: what it would take is not known.
TEST_P(MediaMisuse, WhatWasNotWarmedUpForIsRefusedBeforeTheEngineSeesIt) {
  instance = test::reserve(accounting, test::plan_of(request(ProjectorKind::any_size)));
  instance->load();
  instance->create_context();
  (void)instance->warm_up({.depth = WarmUpDepth::none});
  instance->seal();
  const auto chunk_of = [&](std::uint32_t side) {
    const Media picture = medium(1, side, side);
    const auto chunks = instance->projector().tokenize(marker(), std::span(&picture, 1), false);
    return *std::ranges::find(chunks, engine::ChunkKind::image, &engine::PromptChunk::kind);
  };
  EXPECT_EQ(instance->project(chunk_of(48)).size(), 36U * 64);
  expect_error(ErrorCode::sealed, "was warmed up for 36", [&] { (void)instance->project(chunk_of(600)); });
  EXPECT_EQ(instance->seal_counts().refused_after_seal, 0U);
  EXPECT_EQ(instance->project(chunk_of(48)).size(), 36U * 64);
}

TEST_P(MediaMisuse, AnInstanceThatWasRefusedItsProjectorHoldsNothing) {
  plan::Request wanted = request(ProjectorKind::fixed);
  wanted.dry_run.model.load_mode = engine::LoadMode::none;
  const plan::Plan plan = test::plan_of(wanted);
  instance = test::reserve(accounting, plan);
  test::FaultInjector faults(accounting.tracker());
  for (const int nth : {0, 1, 2}) {  // the model's weights, the projector's, and its compute buffer
    faults.refuse_nth(nth);
    expect_error(ErrorCode::over_budget, nth == 0 ? "" : "projector", [&] { instance->load(); });
    EXPECT_TRUE(instance->snapshot().empty()) << nth;
  }
  faults.refuse_nth(-1);
  instance->load();
  EXPECT_FALSE(instance->snapshot().empty());
}

}  // namespace
}  // namespace plimsoll::run
