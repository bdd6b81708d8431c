#include "engine/token_probability.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {
namespace {

// Softmax and the n largest of all that are possible.
std::vector<TokenProbability> ranked(std::vector<TokenProbability> all, std::size_t n) {
  if (all.empty()) return all;
  const float largest = std::ranges::max_element(all, {}, &TokenProbability::logit)->logit;
  double sum = 0;
  for (const TokenProbability& one : all) sum += std::exp(double{one.logit} - largest);
  const auto kept = all.begin() + static_cast<std::ptrdiff_t>(std::min(n, all.size()));
  std::ranges::partial_sort(all, kept, [](const TokenProbability& a, const TokenProbability& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  });
  all.erase(kept, all.end());
  for (TokenProbability& one : all) one.probability = static_cast<float>(std::exp(double{one.logit} - largest) / sum);
  return all;
}

}  // namespace

std::vector<TokenProbability> most_probable(std::span<const float> logits, std::size_t n) {
  std::vector<TokenProbability> all;
  all.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > -INFINITY) all.push_back({.token = static_cast<Token>(i), .logit = logits[i], .probability = 0});
  }
  return ranked(std::move(all), n);
}

std::vector<TokenProbability> most_probable(std::span<const llama_token_data> candidates, std::size_t n) {
  std::vector<TokenProbability> all;
  all.reserve(candidates.size());
  for (const llama_token_data& one : candidates) {
    if (one.logit > -INFINITY) all.push_back({.token = one.id, .logit = one.logit, .probability = 0});
  }
  return ranked(std::move(all), n);
}

TokenProbability probability_of(std::span<const float> logits, Token token) {
  if (token < 0 || std::cmp_greater_equal(token, logits.size()))
    throw Error(ErrorCode::usage, fmt::format("there is no token {} among {}", token, logits.size()));
  const float largest = std::ranges::max(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - largest);
  const float logit = logits[static_cast<std::size_t>(token)];
  return {.token = token, .logit = logit, .probability = static_cast<float>(std::exp(double{logit} - largest) / sum)};
}

}  // namespace plimsoll::engine
