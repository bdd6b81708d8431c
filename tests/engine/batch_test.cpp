#include <gtest/gtest.h>

#include <plimsoll/engine/batch.hpp>

namespace plimsoll::engine {
namespace {

TEST(BatchTest, APromptAsksForItsLastTokenOnly) {
  Batch batch;
  const std::vector<llama_token> tokens{5, 6, 7};
  batch.add_prompt(tokens, 10, 2);
  ASSERT_EQ(batch.size(), 3);
  EXPECT_EQ(batch.outputs(), 1);
  const llama_batch view = batch.view();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(view.token[i], 5 + i);
    EXPECT_EQ(view.pos[i], 10 + i);
    EXPECT_EQ(view.n_seq_id[i], 1);
    EXPECT_EQ(*view.seq_id[i], 2);
    EXPECT_EQ(view.logits[i], i == 2 ? 1 : 0);
  }
}

TEST(BatchTest, AViewIsAPieceOfIt) {
  Batch batch;
  for (int i = 0; i < 5; ++i) batch.add(i, i, i % 2, true);
  const llama_batch view = batch.view(3, 2);
  EXPECT_EQ(view.n_tokens, 2);
  EXPECT_EQ(view.token[0], 3);
  EXPECT_EQ(*view.seq_id[0], 1);
  EXPECT_EQ(view.pos[1], 4);
}

TEST(BatchTest, IsEmptyAfterClear) {
  Batch batch;
  batch.add(1, 0, 0, true);
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.outputs(), 0);
}

}  // namespace
}  // namespace plimsoll::engine
