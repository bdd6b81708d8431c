// How a sampler does without a list of the whole vocabulary, and chooses the same to the last bit.
#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/sampler.hpp"

#include "largest_logits.hpp"

namespace plimsoll::engine {

struct Sampler::Workspace {
  LargestLogits largest;
  std::vector<Token> touched;
  std::vector<llama_token_data> changed;  // the touched, as the links leave them
  std::vector<float> sorted;
};

void Sampler::DeleteWorkspace::operator()(Workspace* workspace) const noexcept { delete workspace; }

Sampler::Narrowing Sampler::narrowing_of(const SamplerChain& chain) {
  Narrowing found;
  for (const SamplerLink& link : chain.links()) {
    if (const auto kept = link.keeps_largest()) {
      found.kept = *kept;
      found.greedy = link.name() == "greedy";
      const bool is_last = &link == &chain.links().back();
      return found.greedy && !is_last ? Narrowing{} : found;  // it selects, and takes nothing away from what comes next
    }
    if (!link.touches_few()) break;
    ++found.links;
  }
  return {};
}

// Fills candidates_, in the order of their tokens, with those that reach a bound, which at least `count` untouched ones
// do, and with the touched, as the chain's first links leave them. Answers the bound: what is not among them is below
// it. Empty: to look at the whole vocabulary is cheaper.
std::optional<float> Sampler::narrow(std::span<const float> logits, std::size_t count) {
  if (narrowing_.kept == 0 || logits.empty() || std::isnan(logits.front())) return std::nullopt;
  if (!workspace_) workspace_.reset(new Workspace);
  std::vector<Token>& touched = workspace_->touched;
  touched.clear();
  for (const SamplerLink& link : chain_.links().first(narrowing_.links)) link.add_touched(touched);
  std::ranges::sort(touched);
  touched.erase(std::ranges::unique(touched).begin(), touched.end());
  std::erase_if(touched, [&](Token token) { return token < 0 || std::cmp_greater_equal(token, logits.size()); });
  if (!LargestLogits::serves(logits.size(), count + touched.size())) return std::nullopt;

  candidates_.clear();
  const float bound = workspace_->largest.find(logits, count + touched.size(), candidates_);
  if (touched.empty()) return bound;
  std::erase_if(candidates_, [&](const auto& one) { return std::ranges::binary_search(touched, one.id); });
  std::vector<llama_token_data>& changed = workspace_->changed;
  changed.clear();
  for (const Token token : touched)
    changed.push_back({.id = token, .logit = logits[static_cast<std::size_t>(token)], .p = 0});
  llama_token_data_array array{.data = changed.data(), .size = changed.size(), .selected = -1, .sorted = false};
  chain_.apply_first(array, narrowing_.links);
  candidates_.insert(candidates_.end(), changed.begin(), changed.end());
  std::ranges::sort(candidates_, {}, &llama_token_data::id);
  return bound;
}

// Equal logits are ordered by the engine's sort of the whole list, so a shorter list may give another answer. A greedy
// choice is the first of the largest either way.
bool Sampler::has_one_order() {
  return narrowing_.greedy || are_distinct(candidates_, narrowing_.kept, workspace_->sorted);
}

bool Sampler::narrow_to_choice(std::span<const float> logits) {
  return narrow(logits, narrowing_.kept).has_value() && has_one_order();
}

// The same of what the grammar allows, which is asked for no more than can be chosen. False: it must be for all.
bool Sampler::narrow_to_allowed(std::span<const float> logits) {
  constexpr std::size_t kFirst = 4;
  constexpr std::size_t kNext = 8;
  for (std::size_t count = narrowing_.kept * kFirst;; count *= kNext) {
    const auto bound = narrow(logits, count);
    if (!bound || !(*bound > -INFINITY)) return false;
    std::erase_if(candidates_, [&](const llama_token_data& one) { return one.logit < *bound; });
    llama_token_data_array array{
        .data = candidates_.data(), .size = candidates_.size(), .selected = -1, .sorted = false};
    llama_sampler_apply(grammar_.get(), &array);
    std::erase_if(candidates_, [](const llama_token_data& one) { return one.logit == -INFINITY; });
    if (candidates_.size() >= narrowing_.kept) return has_one_order();
  }
}

}  // namespace plimsoll::engine
