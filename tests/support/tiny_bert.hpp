// tiny_bert: encoder-only models with random weights and a vocabulary of letters, for embeddings and ranking. The
// engine's own test models have none.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tiny_gguf.hpp"

namespace plimsoll::test {

struct BertShape {
  std::string architecture = "bert";  // or "nomic-bert"
  std::uint32_t pooling = 1;          // llama.cpp's numbers: 1 mean, 2 cls, 4 rank
  std::uint32_t classes = 0;          // more than 0: with a classification head
  std::vector<std::string> labels{};  // of the classes; empty: none are named
  std::string rerank_template{};      // empty: none
  std::uint32_t seed = 1;
};

// Width 64, two layers, 512 tokens of context. Tokens: 0 [PAD], 1 [UNK], 2 [CLS], 3 [SEP], 4 [MASK], then each
// character at the beginning of a word and inside one. The same for the same shape.
[[nodiscard]] TinyGguf tiny_bert(const BertShape& shape = {});

}  // namespace plimsoll::test
