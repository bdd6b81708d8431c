#include "engine/sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {
namespace {

llama_token_data_array as_array(std::vector<llama_token_data>& candidates) {
  return {.data = candidates.data(), .size = candidates.size(), .selected = -1, .sorted = false};
}

llama_token_data_array fill(std::vector<llama_token_data>& candidates, std::span<const float> logits) {
  candidates.resize(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    candidates[i] = {.id = static_cast<llama_token>(i), .logit = logits[i], .p = 0};
  }
  return as_array(candidates);
}

// Leaves what the grammar allows. false: that is nothing, and the candidates are as they were, but for the forbidden
// ones' logits.
bool keep_allowed(llama_sampler& grammar, llama_token_data_array& array) {
  llama_sampler_apply(&grammar, &array);
  const std::span all(array.data, array.size);
  const auto forbidden = std::ranges::stable_partition(all, [](const auto& one) { return one.logit > -INFINITY; });
  if (forbidden.size() == all.size()) return false;
  array.size -= forbidden.size();
  array.selected = -1;
  return true;
}

// Drawn here, so that reset() and a snapshot know it.
SamplingParams with_seed(SamplingParams params) {
  while (params.seed == LLAMA_DEFAULT_SEED) params.seed = std::random_device{}();
  return params;
}

void require_known(Token token, std::size_t n_vocab) {
  if (token < 0 || std::cmp_greater_equal(token, n_vocab))
    throw Error(ErrorCode::usage, fmt::format("unknown token {}: this model has {}", token, n_vocab));
}

}  // namespace

Sampler::Sampler(std::size_t n_vocab, SamplerChain chain)
    : chain_(std::move(chain)), n_vocab_(n_vocab), narrowing_(narrowing_of(chain_)) {}

Sampler::Sampler(const Model& model, const SamplingParams& params)
    : Sampler(static_cast<std::size_t>(model.facts().n_vocab), SamplerChain{}) {
  params_ = with_seed(params);
  chain_ = make_chain(model, *params_);
  narrowing_ = narrowing_of(chain_);
  if (params_->grammar.empty()) return;
  grammar_.reset(make_grammar(model, {.gbnf = params_->grammar,
                                      .root = params_->grammar_root,
                                      .trigger_patterns = params_->grammar_trigger_patterns,
                                      .trigger_tokens = params_->grammar_trigger_tokens}));
}

Sampler Sampler::of(const Model& model, SamplerChain chain, const Grammar& grammar) {
  Sampler sampler(static_cast<std::size_t>(model.facts().n_vocab), std::move(chain));
  if (!grammar.gbnf.empty()) sampler.grammar_.reset(make_grammar(model, grammar));
  return sampler;
}

Sampler Sampler::resume(const Model& model, const SamplerSnapshot& snapshot) {
  Sampler sampler(model, snapshot.params);
  sampler.set_averages(snapshot.averages);
  for (const AcceptedToken& accepted : snapshot.accepted) {
    accepted.sampled ? sampler.accept_choice(accepted.token) : sampler.accept(accepted.token);
  }
  return sampler;
}

Token Sampler::sample(const Context& context, std::int32_t index) { return sample(context.logits(index)); }

void Sampler::require_logits(std::span<const float> logits) const {
  if (logits.size() == n_vocab_) return;
  throw Error(ErrorCode::usage,
              fmt::format("the sampler chooses from {} logits, {} were given", n_vocab_, logits.size()));
}

Token Sampler::sample(std::span<const float> logits) {
  require_logits(logits);
  left_ = 0;
  seen_ = false;
  chain_.begin_choice(chosen_);
  const bool few = narrow_to_choice(logits);
  llama_token_data_array array = few ? as_array(candidates_) : fill(candidates_, logits);
  choose(logits, array, few);
  return chosen(array);
}

bool Sampler::look(std::span<const float> logits) {
  require_logits(logits);
  left_ = 0;
  seen_ = !grammar_ && narrow_to_choice(logits);  // a grammar may want to see more of them
  return seen_;
}

Token Sampler::sample_seen() {
  if (!std::exchange(seen_, false)) throw Error(ErrorCode::usage, "look() at logits before sample_seen()");
  llama_token_data_array array = as_array(candidates_);
  chain_.begin_choice(chosen_);
  chain_.apply(array, narrowing_.links);
  return chosen(array);
}

Token Sampler::chosen(const llama_token_data_array& array) {
  const Token token = array.data[array.selected].id;
  left_ = array.size;
  if (!chain_.links().empty() && chain_.links().back().name() == "greedy") {
    candidates_.front() = array.data[array.selected];
    left_ = 1;
  }
  remember(token, true);
  return token;
}

void Sampler::choose(std::span<const float> logits, llama_token_data_array& array, bool few) {
  chain_.apply(array, few ? narrowing_.links : 0);
  if (grammar_allows(array.data[array.selected].id)) return;
  // The last link, on what is left of the distribution, makes of it the distribution under the grammar: the first
  // choice was from it too, and only what is forbidden is taken out.
  const bool left_by_the_chain = !few || !narrowing_.greedy;  // greedy takes nothing away: the unseen are left, too
  if (left_by_the_chain && keep_allowed(*grammar_, array) && chain_.choose_again(array)) return;
  if (narrow_to_allowed(logits)) {
    array = as_array(candidates_);
    return chain_.apply(array, narrowing_.links);
  }
  array = fill(candidates_, logits);
  if (!keep_allowed(*grammar_, array)) throw Error(ErrorCode::usage, "the grammar leaves nothing to choose from");
  chain_.apply(array);
}

bool Sampler::grammar_allows(Token token) const {
  if (!grammar_) return true;
  llama_token_data only{.id = token, .logit = 1.0F, .p = 0};
  llama_token_data_array check{.data = &only, .size = 1, .selected = -1, .sorted = false};
  llama_sampler_apply(grammar_.get(), &check);
  return only.logit > -INFINITY;
}

void Sampler::remember(Token token, bool sampled) {
  if (sampled && grammar_) {
    try {
      llama_sampler_accept(grammar_.get(), token);
    } catch (const std::exception& error) {  // no rule goes on with this token: then none does with any
      throw Error(ErrorCode::usage, fmt::format("the grammar leaves nothing to choose from: {}", error.what()));
    }
  }
  chain_.accept(token, sampled);
  if (sampled) ++chosen_;
  if (params_) accepted_.push_back({.token = token, .sampled = sampled});
}

void Sampler::accept(Token token) {
  require_known(token, n_vocab_);
  remember(token, false);
}

void Sampler::accept_choice(Token token) {
  require_known(token, n_vocab_);
  if (!grammar_allows(token))
    throw Error(ErrorCode::usage, fmt::format("the grammar does not allow token {} here", token));
  remember(token, true);
}

void Sampler::reset() {
  chain_.reset();
  if (grammar_) llama_sampler_reset(grammar_.get());
  accepted_.clear();
  chosen_ = 0;
  left_ = 0;
  seen_ = false;
}

Sampler Sampler::clone() const {
  Sampler copy(n_vocab_, chain_.clone());
  if (grammar_) copy.grammar_.reset(llama_sampler_clone(grammar_.get()));
  copy.params_ = params_;
  copy.accepted_ = accepted_;
  copy.chosen_ = chosen_;
  copy.candidates_ = candidates_;
  copy.left_ = left_;
  copy.seen_ = seen_;
  return copy;
}

std::uint32_t Sampler::seed() const { return params_ ? params_->seed : chain_.seed().value_or(LLAMA_DEFAULT_SEED); }

std::vector<TokenProbability> Sampler::top_candidates(std::size_t n) const {
  return most_probable(std::span(candidates_).first(left_), n);
}

SamplerSnapshot Sampler::snapshot() const {
  if (!params_) throw Error(ErrorCode::unsupported, "a sampler made from a chain of one's own cannot be saved");
  return {.params = *params_, .accepted = accepted_, .averages = averages()};
}

}  // namespace plimsoll::engine
