#include <gtest/gtest.h>

#include <plimsoll/base/error.hpp>
#include "engine/batch.hpp"

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

// The engine wants every token's first dimension, then every token's second, also of a piece.
TEST(BatchTest, PositionsOfSeveralDimensionsComeOneDimensionAfterTheOther) {
  Batch batch;
  const std::vector<float> vector{1, 2};
  for (int i = 0; i < 4; ++i) batch.add_embedding(vector, Position4{i, 10 + i, 20 + i, 30 + i}, 0, false);
  EXPECT_TRUE(batch.has_2d_positions());
  const llama_batch view = batch.view(1, 2);
  const std::vector<llama_pos> positions(view.pos, view.pos + 8);
  EXPECT_EQ(positions, (std::vector<llama_pos>{1, 2, 11, 12, 21, 22, 31, 32}));
  EXPECT_THROW(batch.add_embedding(vector, 5, 0, false), Error);
  Batch plain;
  plain.add_embedding(vector, 0, 0, false);
  EXPECT_THROW(plain.add_embedding(vector, Position4{}, 0, false), Error);
  EXPECT_EQ(plain.size(), 1);
}

}  // namespace
}  // namespace plimsoll::engine
