// Sequences at work that stand apart are gathered while they work: nobody says anything else for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <thread>

#include "run/generation.hpp"

#include "conversation_model.hpp"
#include "decoding.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"
#include "tiny_projector.hpp"

namespace plimsoll::run {
namespace {

using test::some_tokens;

constexpr std::uint32_t kSequences = 6;

class SequencePlacesEngineTest : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] static std::vector<engine::Token> prompt_of(std::size_t which) {
    return some_tokens(9 + which, static_cast<int>(which) + 1);
  }
  Conversation kept(std::size_t which) {
    Conversation conversation = executor.create();
    conversation.prompt(prompt_of(which));
    EXPECT_EQ(conversation.infer(), engine::DecodeStatus::ok);
    return conversation;
  }
  // Nobody goes on before all have begun.
  static void generate_together(const std::vector<Conversation*>& conversations) {
    std::latch begun(static_cast<std::ptrdiff_t>(conversations.size()));
    std::vector<std::jthread> threads;
    for (Conversation* conversation : conversations) {
      threads.emplace_back([&begun, conversation] {
        GenerationParams params{.predict = 40, .sampling = {.temperature = 0}};
        params.ignore_end_of_generation = true;
        Generation generation(*conversation, params);
        (void)generation.next();
        begun.arrive_and_wait();
        while (generation.next()) {
        }
      });
    }
  }
  void expect_as_fresh(Conversation& conversation) {
    if (conversation.requires_inference()) {
      ASSERT_EQ(conversation.infer(), engine::DecodeStatus::ok);
    }
    test::FreshEvaluation fresh(*instance);
    EXPECT_LE(test::largest_difference(conversation.logits(), fresh.logits(conversation.tokens())),
              test::kLogitTolerance);
  }
  [[nodiscard]] static std::vector<engine::SequenceId> numbers_of(const std::vector<Conversation*>& conversations) {
    std::vector<engine::SequenceId> out;
    for (const Conversation* conversation : conversations) out.push_back(conversation->id());
    std::ranges::sort(out);
    return out;
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance = test::ready(accounting, test::lively_request(GetParam(), kSequences));
  BatchedExecutor executor{*instance};
};

TEST_P(SequencePlacesEngineTest, ThoseAtWorkStandTogetherAndEveryoneSaysWhatTheyWouldHaveSaid) {
  std::vector<Conversation> all;
  for (std::size_t i = 0; i < kSequences; ++i) all.push_back(kept(i));
  const std::vector<Conversation*> at_work{&all[0], &all[2], &all[5]};
  generate_together(at_work);
  const bool computes_in_parts = !instance->model()->facts().is_recurrent;
  const std::vector<engine::SequenceId> numbers = numbers_of(at_work);
  EXPECT_EQ(numbers.back() - numbers.front() == 2, computes_in_parts) << GetParam();
  std::vector<engine::SequenceId> everybodys;
  for (const Conversation& conversation : all) everybodys.push_back(conversation.id());
  std::ranges::sort(everybodys);
  EXPECT_EQ(std::ranges::unique(everybodys).size(), 0U);
  for (Conversation& conversation : all) expect_as_fresh(conversation);
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
}

// A number that nobody has is taken, and given out again.
TEST_P(SequencePlacesEngineTest, AFreeNumberIsTakenAndTheOldOneIsFree) {
  std::vector<Conversation> all;
  for (std::size_t i = 0; i < kSequences; ++i) all.push_back(kept(i));
  Conversation first = std::move(all[0]);
  Conversation last = std::move(all[kSequences - 1]);
  all.clear();
  generate_together({&first, &last});
  EXPECT_EQ(executor.free_sequences(), kSequences - 2);
  for (std::size_t i = 2; i < kSequences; ++i) all.push_back(kept(i));
  EXPECT_EQ(executor.free_sequences(), 0U);
  expect_as_fresh(first);
  expect_as_fresh(last);
  for (Conversation& conversation : all) expect_as_fresh(conversation);
}

TEST(SequencePlacesMediaTest, AConversationWithAPictureIsMovedAndSaysWhatItSaysAlone) {
  const test::TemporaryFolder folder;
  MemoryAccounting accounting;
  plan::Request request{.name = "tiny", .dry_run = {}};
  request.dry_run.model.path = folder.write("model.gguf", test::tiny_qwen2vl().bytes());
  request.dry_run.model.devices = {"none"};
  request.dry_run.projector.path =
      folder.write("projector.gguf", test::tiny_projector(test::ProjectorKind::any_size).bytes());
  request.dry_run.projector.n_threads = 1;
  request.dry_run.projector.image_max_tokens = 256;
  request.dry_run.context.n_ctx = 5120;
  request.dry_run.context.n_batch = 16;
  request.dry_run.context.n_ubatch = 16;
  request.dry_run.context.n_seq_max = 5;
  request.dry_run.context.n_threads = 1;
  request.dry_run.context.flash_attn = engine::FlashAttention::off;
  const auto instance = test::ready(accounting, request);
  BatchedExecutor executor(*instance);
  GenerationParams params{.predict = 12, .sampling = {.temperature = 0}};
  params.ignore_end_of_generation = true;
  const auto shown = [&](Conversation& conversation) {
    const std::string& marker = instance->projector().facts().marker;
    const engine::Media picture = engine::Media::from_pixels(224, 224, test::random_pixels(224, 224, 1));
    conversation.prompt("one " + marker + " two", std::span(&picture, 1));
  };
  std::vector<Conversation> all;
  for (int i = 0; i < 5; ++i) all.push_back(executor.create());
  shown(all[2]);
  ASSERT_GT(std::ranges::count(all[2].tokens(), engine::kNoToken), 48);  // several batches
  Generation alone(all[2], params);
  (void)stream(alone);
  all[2].clear();

  std::latch begun(2);
  std::vector<std::jthread> others;
  for (int which : {0, 1}) {
    others.emplace_back([&, which] {
      GenerationParams longer{.prompt = some_tokens(5, which), .predict = 200, .sampling = {.temperature = 0}};
      longer.ignore_end_of_generation = true;
      Generation generation(all[static_cast<std::size_t>(which)], longer);
      (void)generation.next();
      begun.count_down();
      while (generation.next()) {
      }
    });
  }
  begun.wait();
  shown(all[4]);
  Generation beside(all[4], params);
  (void)stream(beside);
  others.clear();
  EXPECT_EQ(beside.tokens(), alone.tokens());
  EXPECT_EQ(all[4].id(), 2);
}

INSTANTIATE_TEST_SUITE_P(Models, SequencePlacesEngineTest,
                         testing::Values("llama-dense", "gemma3-dense", "mamba-dense", "jamba-dense", "olmoe-moe"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace plimsoll::run
