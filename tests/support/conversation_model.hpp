// What a conversation must be, computed the plain way: its tokens decoded alone, at once, in a context of its own.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "run/batched_executor.hpp"

namespace plimsoll::test {

// Other numbers of tokens at once take other kernels, which add up in another order, and the cache rounds to 16 bits.
// Seen with lively_request(): up to 3e-4 where everything is right, 0.12 and more where one token of 20 is another
// (2026-11, CPU).
inline constexpr float kLogitTolerance = 5e-3F;

// test::small_request() of a lively model on the CPU, without flash attention: that adds up in 16 bits, in the order in
// which tokens happen to lie in the cache (seen: 1.3e-2 at 400 tokens).
[[nodiscard]] plan::Request lively_request(const std::string& model, std::uint32_t sequences);

class FreshEvaluation {
 public:
  // Of the same file as `instance`, with the same cache.
  explicit FreshEvaluation(const run::Instance& instance);
  [[nodiscard]] std::vector<float> logits(const std::vector<engine::Token>& tokens);

 private:
  std::shared_ptr<engine::Model> model_;
  std::unique_ptr<engine::Context> context_;
};

[[nodiscard]] float largest_difference(std::span<const float> a, std::span<const float> b);

}  // namespace plimsoll::test
