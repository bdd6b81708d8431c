// Vocabulary: a file's tokenizer without its weights.
#include <gtest/gtest.h>

#include <plimsoll/plimsoll.hpp>

#include "demo_model.hpp"
#include "expect_error.hpp"

namespace plimsoll {
namespace {

TEST(VocabularyTest, IsTheModelsAndTakesNothingOfDevices) {
  Runtime runtime;
  const Vocabulary vocabulary(test::kModel);
  for (const DeviceStatus& device : runtime.devices()) EXPECT_EQ(device.committed, Bytes{});
  const Model model = runtime.open(test::kModel, test::small());
  EXPECT_EQ(vocabulary.size(), model.info().n_vocab);
  for (const std::string text : {"Who is the captain?", "", "<|im_end|>", "naïve ⚓"}) {
    EXPECT_EQ(vocabulary.tokenize(text), model.tokenize(text)) << text;
    EXPECT_EQ(vocabulary.text_of(vocabulary.tokenize(text), true), model.text_of(model.tokenize(text), true)) << text;
  }
  for (Token token = 0; token < vocabulary.size(); ++token)
    EXPECT_EQ(vocabulary.ends_generation(token), model.ends_generation(token)) << token;
}

TEST(VocabularyTest, SaysWhatIsWrongWithAFile) {
  test::expect_error(ErrorCode::model_unusable, "no-such-file", [] { (void)Vocabulary("/no-such-file.gguf"); });
  test::expect_error(ErrorCode::model_unusable, "", [] { (void)Vocabulary(__FILE__); });
}

TEST(VocabularyTest, OneThatWasMovedFromSaysSo) {
  Vocabulary vocabulary(test::kModel);
  const Vocabulary other = std::move(vocabulary);
  test::expect_error(ErrorCode::usage, "moved from", [&] { (void)vocabulary.size(); });
  EXPECT_GT(other.size(), 0);
}

}  // namespace
}  // namespace plimsoll
