// LargestLogits: the largest of a row of logits, found without a list of the whole vocabulary.
#pragma once
#include <llama.h>

#include <cstddef>
#include <span>
#include <vector>

namespace plimsoll::engine {

// Keeps its memory between rows. One thread.
//
// A row is looked at in blocks, once, for the largest of each. The count-th largest of those bounds the row's count-th
// largest from below, and only blocks that reach the bound are looked at again.
class LargestLogits {
 public:
  static constexpr std::size_t kBlock = 64;

  // Whether finding so many is worth it: else most blocks would be looked at again.
  [[nodiscard]] static bool serves(std::size_t n_logits, std::size_t count) noexcept;

  // Appends to `found`, in the order of the tokens, all that reach a bound which at least `count` reach; answers it.
  // Only where serves(); what is no number reaches nothing.
  float find(std::span<const float> logits, std::size_t count, std::vector<llama_token_data>& found);

 private:
  std::vector<float> largest_;  // of each block
  std::vector<float> sorted_;
};

// Whether the `count` largest are the same whoever sorts them: none of them equals another or the next one.
[[nodiscard]] bool are_distinct(std::span<const llama_token_data> candidates, std::size_t count,
                                std::vector<float>& sorted);

}  // namespace plimsoll::engine
