// Chats, saved ones, hosts and conversations as programs use them.
#include <gtest/gtest.h>

#include <plimsoll/plimsoll.hpp>

#include "demo_model.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace plimsoll {
namespace {

using test::expect_error;
using test::kGreedy;
using test::kModel;
using test::small;

class SavedChat : public ::testing::Test {
 protected:
  // The answer to a second question, with the first saved before it.
  std::string save(const ModelOptions& options) {
    Chat chat(runtime.open(kModel, options));
    (void)chat.say("Who are you?", kGreedy).read_all();
    chat.save(path);
    return chat.say("Where are we?", kGreedy).read_all();
  }
  std::string load(const std::string& file, const ModelOptions& options) {
    Chat chat(runtime.open(file, options));
    chat.load(path);
    EXPECT_EQ(chat.history().size(), 2U);
    return chat.say("Where are we?", kGreedy).read_all();
  }
  test::TemporaryFolder folder;
  std::filesystem::path path = folder.path() / "chat.plimsoll";
  Runtime runtime;
};

TEST_F(SavedChat, GoesOnFromItsMemory) {
  const std::string expected = save(small());
  EXPECT_EQ(load(kModel, small()), expected);
}

TEST_F(SavedChat, GoesOnInAContextOfMoreSequences) {
  const std::string expected = save(small(2));
  EXPECT_EQ(load(kModel, small(4)), expected);
}

TEST_F(SavedChat, GoesOnInAContextOfAnotherCache) {
  (void)save(small());
  ModelOptions other = small();
  other.context.type_k = engine::CacheType::f32;
  EXPECT_FALSE(load(kModel, other).empty());
}

TEST_F(SavedChat, OfAnotherModelIsRefused) {
  (void)save(small());
  Chat chat(runtime.open(test::kOtherModel, small()));
  expect_error(ErrorCode::usage, "another model", [&] { chat.load(path); });
}

TEST(Chats, AFilterThatThrowsLeavesNoEmptyMessage) {
  Runtime runtime;
  bool throws = true;
  Chat chat(runtime.open(kModel, small()), {.output_filter = [&](std::string_view piece, bool) {
              if (throws) throw std::runtime_error("mine");
              return std::string(piece);
            }});
  EXPECT_THROW((void)chat.say("Who are you?", kGreedy).read_all(), std::runtime_error);
  EXPECT_TRUE(chat.history().empty());
  throws = false;
  EXPECT_FALSE(chat.say("Who are you?", kGreedy).read_all().empty());
  EXPECT_EQ(chat.history().size(), 2U);
}

TEST(Chats, AnAnswerThatSaysNothingLeavesTheHistoryAsItWas) {
  Runtime runtime;
  Chat chat(runtime.open(kModel, small()));
  {
    const Generation left = chat.say("Who are you?", kGreedy);
  }
  EXPECT_TRUE(chat.history().empty());
  (void)chat.say("Who are you?", kGreedy).read_all();
  const auto before = chat.history();
  {
    const Generation left = chat.regenerate(kGreedy);
  }
  EXPECT_EQ(chat.history(), before);
  GenerationOptions fails = kGreedy;
  fails.on_token = [](Token, std::span<const float>) { throw std::runtime_error("mine"); };
  EXPECT_THROW((void)chat.regenerate(fails).read_all(), std::runtime_error);
  EXPECT_EQ(chat.history(), before);
}

TEST(Chats, AGrammarHoldsForEachAnswer) {
  Runtime runtime;
  Chat chat(runtime.open(kModel, small()), {.sampling = SamplingParams{.grammar = "root ::= \"yes\""}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(chat.say("Do we sail?").read_all(), "yes");
}

TEST(Chats, WordsAreTakenOutByAFilter) {
  Runtime runtime;
  const Model model = runtime.open(kModel, small());
  std::string plain;
  {
    plain = Chat(model).say("Who are you?", kGreedy).read_all();
  }
  const std::string word = plain.substr(plain.size() / 2, 3);
  Chat chat(model, {.output_filter = without_keywords({word})});
  const std::string filtered = chat.say("Who are you?", kGreedy).read_all();
  EXPECT_EQ(filtered.find(word), std::string::npos);
  EXPECT_EQ(chat.history().back().content, filtered);
}

TEST(Conversations, GoOnFromAFile) {
  const test::TemporaryFolder folder;
  Runtime runtime;
  const Model model = runtime.open(kModel, small(2));
  Conversation first = model.conversation();
  (void)first.generate("Day 12.", kGreedy).read_all();
  first.save().write(folder.path() / "one");
  const std::string expected = first.generate(kGreedy).read_all();
  Conversation second = model.load_conversation(folder.path() / "one");
  EXPECT_EQ(second.generate(kGreedy).read_all(), expected);
  expect_error(ErrorCode::busy, "", [&] { (void)second.fork(); });
}

TEST(Embedders, GiveVectorsAndAreSealed) {
  Runtime runtime;
  EmbedderOptions options{.model = small(4), .pooling = engine::Pooling::mean};
  const Embedder embedder = runtime.open_embedder(kModel, options);
  const std::vector<std::string> texts{"The wind came from the west.", "Day 12."};
  const auto vectors = embedder.embed(texts);
  ASSERT_EQ(vectors.size(), 2U);
  EXPECT_EQ(vectors[0].values.size(), embedder.width());
  const Embedding again = embedder.embed("Day 12.");
  for (std::size_t i = 0; i < again.values.size(); ++i) EXPECT_NEAR(again.values[i], vectors[1].values[i], 1e-3F);
  EXPECT_EQ(embedder.seal_counts().refused_after_seal, 0U);
}

}  // namespace
}  // namespace plimsoll
