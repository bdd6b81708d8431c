#include "largest_logits.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace plimsoll::engine {
namespace {

constexpr std::size_t kComputeGroups = 16;
constexpr float kNothing = -std::numeric_limits<float>::infinity();

// Written so that the compiler makes vector instructions of it: a comparison that is false for what is no number.
float largest_of(std::span<const float, LargestLogits::kBlock> block) {
  std::array<float, kComputeGroups> compute_groups;
  compute_groups.fill(kNothing);
  for (std::size_t row = 0; row < block.size(); row += kComputeGroups) {
    for (std::size_t i = 0; i < kComputeGroups; ++i)
      compute_groups[i] = block[row + i] > compute_groups[i] ? block[row + i] : compute_groups[i];
  }
  float largest = kNothing;
  for (const float compute_group : compute_groups) largest = compute_group > largest ? compute_group : largest;
  return largest;
}

float largest_of(std::span<const float> rest) {
  float largest = kNothing;
  for (const float one : rest) largest = one > largest ? one : largest;
  return largest;
}

}  // namespace

bool LargestLogits::serves(std::size_t n_logits, std::size_t count) noexcept {
  const std::size_t blocks = (n_logits + kBlock - 1) / kBlock;
  return count > 0 && count <= blocks && (count == 1 || count <= blocks / 4);
}

float LargestLogits::find(std::span<const float> logits, std::size_t count, std::vector<llama_token_data>& found) {
  const std::size_t whole = logits.size() / kBlock;
  largest_.resize((logits.size() + kBlock - 1) / kBlock);
  for (std::size_t i = 0; i < whole; ++i) largest_[i] = largest_of(logits.subspan(i * kBlock).first<kBlock>());
  if (whole < largest_.size()) largest_[whole] = largest_of(logits.subspan(whole * kBlock));

  sorted_ = largest_;
  const auto place = sorted_.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::ranges::nth_element(sorted_, place, std::ranges::greater{});
  const float bound = *place;
  for (std::size_t block = 0; block < largest_.size(); ++block) {
    if (largest_[block] < bound) continue;
    const std::size_t end = std::min(logits.size(), (block + 1) * kBlock);
    for (std::size_t i = block * kBlock; i < end; ++i) {
      if (logits[i] >= bound) found.push_back({.id = static_cast<llama_token>(i), .logit = logits[i], .p = 0});
    }
  }
  return bound;
}

bool are_distinct(std::span<const llama_token_data> candidates, std::size_t count, std::vector<float>& sorted) {
  sorted.clear();
  for (const llama_token_data& one : candidates) sorted.push_back(one.logit);
  const std::size_t compared = std::min(count + 1, sorted.size());
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(compared);
  std::ranges::partial_sort(sorted, end, std::ranges::greater{});
  return std::adjacent_find(sorted.begin(), end) == end;
}

}  // namespace plimsoll::engine
