// The engine's own tokenizer vectors, and a real trained model.
#include <gtest/gtest.h>

#include <memory>
#include <sstream>

#include "engine/backend.hpp"
#include "engine/context.hpp"

#include "decoding.hpp"
#include "paths.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::engine {
namespace {

const std::string kModels = shared_path("models/");

std::vector<std::string> inputs(const std::string& file) {
  const std::string text = test::read_whole_file(file);
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> pieces;
  std::size_t from = 0;
  for (std::size_t at; (at = text.find(separator, from)) != std::string::npos; from = at + separator.size()) {
    pieces.push_back(text.substr(from, at - from));
  }
  return pieces;  // a separator stands after the last one too
}

std::vector<std::vector<Token>> expected_tokens(const std::string& file) {
  std::istringstream text(test::read_whole_file(file));
  std::vector<std::vector<Token>> lines;
  for (std::string line; std::getline(text, line);) {
    std::istringstream numbers(line);
    lines.emplace_back();
    for (Token token; numbers >> token;) lines.back().push_back(token);
  }
  return lines;
}

class VocabTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Vocabularies, VocabTest,
                         testing::Values("llama-spm", "phi-3", "gpt-2", "falcon", "deepseek-coder", "bert-bge"),
                         [](const auto& each) {
                           std::string name(each.param);
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(VocabTest, TokenizesTheEnginesOwnVectors) {
  const std::string path = kModels + "vocab/ggml-vocab-" + GetParam() + ".gguf";
  // These files hold no weights, which the engine takes only when it is told so.
  start_backends();
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  const std::unique_ptr<llama_model, decltype(&llama_model_free)> model(
      llama_model_load_from_file(path.c_str(), params), &llama_model_free);
  ASSERT_NE(model, nullptr);
  const Vocab vocab(llama_model_get_vocab(model.get()));
  EXPECT_TRUE(vocab.present());
  const auto texts = inputs(path + ".inp");
  const auto expected = expected_tokens(path + ".out");
  ASSERT_EQ(texts.size(), expected.size());
  ASSERT_GT(texts.size(), 10U);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(vocab.tokenize(texts[i], false, false), expected[i]) << "input " << i << ": " << texts[i];
  }
}

TEST(TrainedModelTest, ContinuesAsTheEngineDoes) {
  const auto model = test::load_on_cpu(kModels + "aidreams260K.gguf");
  ContextParams params = test::small_context();
  params.n_ctx = 128;
  const auto context = Context::create(model, params);
  const auto tokens = test::greedy(*context, model->vocab().tokenize("Once upon a time", true, true), 40);
  EXPECT_EQ(model->vocab().detokenize(tokens).substr(0, 30), ", pixels unfolding like petals");
  EXPECT_TRUE(model->vocab().detokenize(tokens).starts_with(", pixels unfolding like petals."));
}

}  // namespace
}  // namespace plimsoll::engine
