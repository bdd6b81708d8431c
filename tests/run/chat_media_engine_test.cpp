// Chats with pictures: each turn answers as a chat would that begins with that history.
#include <gtest/gtest.h>

#include "run/chat_session.hpp"
#include "run/interactive_executor.hpp"

#include "expect_error.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"
#include "tiny_projector.hpp"

namespace plimsoll::run {
namespace {

using engine::Media;
using test::expect_error;
using test::ProjectorKind;

class ChatMediaTest : public testing::TestWithParam<ProjectorKind> {
 protected:
  void SetUp() override { open(GetParam()); }

  void open(std::optional<ProjectorKind> kind) {
    const bool has_positions = kind == ProjectorKind::any_size;
    const auto model = has_positions ? test::tiny_qwen2vl() : test::tiny_llama();
    plan::Request request{.name = "tiny", .dry_run = {}};
    request.dry_run.model.path = folder_.write("model.gguf", model.bytes());
    request.dry_run.model.devices = {"none"};
    if (kind) request.dry_run.projector.path = folder_.write("projector.gguf", test::tiny_projector(*kind).bytes());
    request.dry_run.projector.n_threads = 1;
    if (has_positions) request.dry_run.projector.image_max_tokens = 64;
    request.dry_run.context.n_ctx = 2048;
    request.dry_run.context.n_batch = 48;
    request.dry_run.context.n_ubatch = 32;
    request.dry_run.context.n_seq_max = 2;
    request.dry_run.context.n_threads = 1;
    request.dry_run.context.flash_attn = engine::FlashAttention::off;
    executor.reset();
    instance = test::ready(accounting, request);
    executor.emplace(*instance);
  }

  static Media picture(std::uint32_t seed) { return Media::from_pixels(48, 32, test::random_pixels(48, 32, seed)); }
  [[nodiscard]] std::string marker() const { return instance->projector().facts().marker; }
  // What a chat that begins with this history answers.
  std::string fresh_answer(ChatHistory history) {
    InteractiveExecutor other(*executor);
    ChatSession session(other);
    for (engine::ChatMessage& message : history) session.add(std::move(message));
    return session.answer(greedy).read_all();
  }
  void expect_as_fresh(const ChatSession& session) {
    ChatHistory before = session.history();
    const std::string said = before.back().content;
    before.pop_back();
    EXPECT_EQ(fresh_answer(before), said);
  }

  MemoryAccounting accounting;
  test::TemporaryFolder folder_;
  std::unique_ptr<Instance> instance;
  std::optional<BatchedExecutor> executor;
  GenerationParams greedy{.predict = 8, .sampling = {.temperature = 0}};
};

TEST_P(ChatMediaTest, EveryTurnAnswersTheWholeHistoryAndReadsItsPicturesOnce) {
  InteractiveExecutor subject(*executor);
  ChatSession session(subject);
  (void)session.say("one " + marker() + " two", {picture(1)}, greedy).read_all();
  expect_as_fresh(session);
  const std::size_t first = session.stats().prompt_tokens;
  (void)session.say("three", greedy).read_all();
  expect_as_fresh(session);
  EXPECT_GE(session.stats().reused_tokens, first);
  (void)session.say("four", {picture(2), picture(3)}, greedy).read_all();
  expect_as_fresh(session);
  EXPECT_EQ(session.history()[4].content, marker() + marker() + "four");
  EXPECT_GT(session.stats().reused_tokens, first);
}

TEST_P(ChatMediaTest, AnotherPictureInItsPlaceIsReadAnew) {
  InteractiveExecutor subject(*executor);
  ChatSession session(subject);
  (void)session.say("one", {picture(1)}, greedy).read_all();
  EXPECT_TRUE(session.undo());
  (void)session.say("one", {picture(2)}, greedy).read_all();
  expect_as_fresh(session);
  EXPECT_LT(session.stats().reused_tokens, session.stats().prompt_tokens / 2);
  // Nor is the first one known any more once its message has gone.
  EXPECT_TRUE(session.undo());
  (void)session.say("one", {picture(1)}, greedy).read_all();
  expect_as_fresh(session);
}

TEST_P(ChatMediaTest, WhatFailsOnceItsVectorsAreThereDoesNotLendThemToAnother) {
  InteractiveExecutor subject(*executor);
  ChatSession session(subject);
  (void)session.say("one", {picture(1)}, greedy).read_all();
  EXPECT_TRUE(session.undo());
  GenerationParams broken = greedy;
  broken.sampling.grammar = "root ::= \"";
  expect_error(ErrorCode::usage, "", [&] { (void)session.say("one", {picture(2)}, broken); });
  EXPECT_TRUE(session.history().empty());
  (void)session.say("one", {picture(1)}, greedy).read_all();
  expect_as_fresh(session);
}

TEST_P(ChatMediaTest, MarkersAndMediaAreAsManyOrNothingIsSaid) {
  InteractiveExecutor subject(*executor);
  ChatSession session(subject);
  const std::string two = marker() + " and " + marker();
  expect_error(ErrorCode::usage, "2 markers", [&] { (void)session.say(two, {picture(1)}, greedy); });
  EXPECT_TRUE(session.history().empty());
  (void)session.say(two, greedy).read_all();  // words alone
  session.add({.role = "user", .content = "three", .extra = {}, .media = {picture(1)}});
  EXPECT_EQ(session.history().back().content, marker() + "three");
  expect_error(ErrorCode::usage, "2 markers", [&] { session.replace(2, two); });
}

TEST_P(ChatMediaTest, AFormThatHasNoPlaceForThemSaysSo) {
  class Forgetful final : public HistoryTransform {
   public:
    [[nodiscard]] engine::PromptText to_prompt(const ChatHistory&) const override {
      engine::PromptText text;
      text += "w1 w2";
      return text;
    }
  };
  InteractiveExecutor subject(*executor);
  ChatSession session(subject, {.history_transform = std::make_unique<Forgetful>()});
  expect_error(ErrorCode::usage, "no place", [&] { (void)session.say("one", {picture(1)}, greedy); });
  EXPECT_TRUE(session.history().empty());
}

TEST_P(ChatMediaTest, ASavedChatHasItsPicturesAndGoesOn) {
  const auto file = folder_ / "chat.plimsoll";
  std::string next;
  {
    InteractiveExecutor subject(*executor);
    ChatSession session(subject);
    (void)session.say("one", {picture(1)}, greedy).read_all();
    session.replace(1, "said");  // what a random model says is no UTF-8, which a saved history is
    session.save(file);
    next = session.say("two", greedy).read_all();
  }
  InteractiveExecutor subject(*executor);
  ChatSession session(subject);
  (void)session.say("other", {picture(5)}, greedy).read_all();
  session.load(file);
  ASSERT_EQ(session.history().size(), 2U);
  ASSERT_EQ(session.history()[0].media.size(), 1U);
  EXPECT_TRUE(std::ranges::equal(session.history()[0].media[0].bytes(), picture(1).bytes()));
  EXPECT_EQ(session.say("two", greedy).read_all(), next);
}

// The vectors of a message that was taken back are in memory; those of another are not named after them.
TEST_P(ChatMediaTest, WhatWasSavedBesideAPictureThatHasGoneIsNotTakenForAnother) {
  const auto file = folder_ / "chat.plimsoll";
  InteractiveExecutor subject(*executor);
  ChatSession session(subject);
  const Media other = picture(2);
  (void)session.say("one", {picture(1)}, greedy).read_all();
  EXPECT_TRUE(session.undo());
  session.save(file);
  (void)session.say("one", {other}, greedy).read_all();
  session.load(file);
  EXPECT_TRUE(session.history().empty());
  (void)session.say("one", {other}, greedy).read_all();
  expect_as_fresh(session);
}

TEST_P(ChatMediaTest, AChatIsSavedThoughAPictureStillWaits) {
  const auto file = folder_ / "chat.plimsoll";
  InteractiveExecutor subject(*executor);
  ChatSession session(subject);
  {
    const ChatTurn left = session.say("one", {picture(1)}, greedy);
  }
  EXPECT_TRUE(session.history().empty());
  session.save(file);
  session.load(file);
  (void)session.say("two", greedy).read_all();
  expect_as_fresh(session);
}

// The shift takes exactly the first picture, so that the second stands where that one stood.
using ShiftedChatMediaTest = ChatMediaTest;
TEST_P(ShiftedChatMediaTest, APictureThatMovedUpIsNotTakenForTheOneBeforeIt) {
  InteractiveExecutor subject(*executor);
  ChatSession session(subject);
  const Media first = picture(1);
  const std::vector<Media> both{first, picture(2)};
  (void)session.say("one", both, greedy).read_all();
  const std::vector<engine::Token> held = subject.conversation()->tokens();
  const auto begin = static_cast<std::size_t>(std::ranges::find(held, engine::kNoToken) - held.begin());
  const auto cells = static_cast<std::size_t>(std::ranges::count(held, engine::kNoToken)) / both.size();
  const std::size_t capacity = instance->context().facts().n_ctx_seq;

  EXPECT_TRUE(session.undo());
  GenerationParams full = greedy;
  full.predict = static_cast<std::int32_t>(capacity - session.stats().prompt_tokens + cells / 2);
  full.ignore_end_of_generation = true;
  full.overflow = {.strategy = ContextOverflow::shift,
                   .keep = begin,
                   .discard_share = (static_cast<double>(cells) + 0.5) / static_cast<double>(capacity - begin)};
  (void)session.say("one", both, full).read_all();
  const std::vector<engine::Token> moved = subject.conversation()->tokens();
  ASSERT_EQ(static_cast<std::size_t>(std::ranges::count(moved, engine::kNoToken)), cells);
  ASSERT_EQ(moved[begin], engine::kNoToken);

  EXPECT_TRUE(session.undo());
  (void)session.say("one", {first}, greedy).read_all();
  expect_as_fresh(session);
}
INSTANTIATE_TEST_SUITE_P(Kinds, ShiftedChatMediaTest, testing::Values(ProjectorKind::fixed),
                         [](const auto&) { return "fixed"; });

TEST(ChatMediaSizes, NoSizeGoesRoundANumbersEnd) {
  const std::vector<std::uint8_t> bytes(2459);
  ASSERT_EQ(std::uint64_t{3} * 3547284235U * 1733414715U, bytes.size());  // and 2^64
  expect_error(ErrorCode::usage, "pixels", [&] { (void)Media::from_pixels(3547284235U, 1733414715U, bytes); });
  EXPECT_EQ(Media::from_pixels(4, 4, std::span(bytes).first(48)).bytes().size(), 48U);
}

TEST_P(ChatMediaTest, AModelWithoutAProjectorTakesNone) {
  open(std::nullopt);
  InteractiveExecutor subject(*executor);
  ChatSession session(subject);
  expect_error(ErrorCode::usage, "without a projector", [&] { (void)session.say("one", {picture(1)}, greedy); });
  EXPECT_TRUE(session.history().empty());
}

INSTANTIATE_TEST_SUITE_P(Kinds, ChatMediaTest, testing::Values(ProjectorKind::fixed, ProjectorKind::any_size),
                         [](const auto& kind) { return kind.param == ProjectorKind::fixed ? "fixed" : "any_size"; });

}  // namespace
}  // namespace plimsoll::run
