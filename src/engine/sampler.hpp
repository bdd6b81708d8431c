// Sampler: how the next token is chosen from logits: a chain, a grammar beside it, and what they have seen so far.
#pragma once
#include <llama.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <plimsoll/engine/sampling.hpp>
#include "engine/context.hpp"
#include "engine/sampler_chain.hpp"
#include "engine/sampler_snapshot.hpp"
#include "engine/token_probability.hpp"

namespace plimsoll::engine {

// Move-only; one thread. The model must outlive it.
//
// What is random of a choice follows from the seed and from how many tokens were chosen before it: no generator has a
// state of its own. So a sampler that has accepted the tokens of an answer goes on as the one that chose them, once it
// has that one's averages().
class Sampler {
 public:
  // Throws Error: usage (parameters that mean nothing, a grammar that does not parse, a bias for an unknown token),
  // unsupported (a grammar, DRY or infill where the model has no vocabulary).
  Sampler(const Model& model, const SamplingParams& params);
  // From a chain of the caller's own.
  [[nodiscard]] static Sampler of(const Model& model, SamplerChain chain, const Grammar& grammar = {});
  // Goes on exactly as the one that the snapshot was taken of. Throws as above, and Error{usage} where the snapshot
  // cannot be of a sampler of this model.
  [[nodiscard]] static Sampler resume(const Model& model, const SamplerSnapshot& snapshot);

  // Chooses from the logits of the index-th token of the last batch and accepts the choice. With a grammar the chain
  // chooses first. Where the grammar forbids that choice the last link chooses again among what the chain left and the
  // grammar allows; only where that is nothing, the whole chain among all that the grammar allows. Throws Error{usage}
  // where the grammar allows nothing.
  [[nodiscard]] Token sample(const Context& context, std::int32_t index);
  // The same from logits at hand, [n_vocab], which are left as they are. Another number of them throws Error{usage}.
  //
  // A chain that begins with biases and penalties and goes on with top_k or greedy needs no list of the whole
  // vocabulary: the choice is the same to the last bit, and made from the few that can be chosen.
  [[nodiscard]] Token sample(std::span<const float> logits);
  // In two steps, where the logits are there for a moment only: look() takes what the choice is made from,
  // sample_seen() chooses from it. False: this choice needs all of them, and nothing was taken. Throws as sample().
  [[nodiscard]] bool look(std::span<const float> logits);
  [[nodiscard]] Token sample_seen();

  // For tokens that were not sampled here, e.g. a prompt that the penalties should see. The grammar does not: it speaks
  // of the answer, and a token that it forbids would end it. Throws Error{usage} for an unknown token.
  void accept(Token token);
  // For a choice made elsewhere, as if sample() had made it: the grammar moves on. Throws Error{usage} where it forbids
  // the token; nothing has changed then.
  void accept_choice(Token token);
  [[nodiscard]] bool grammar_allows(Token token) const;  // true where there is no grammar

  // What neither seed nor tokens tell: mirostat's and adaptive-p's running averages, which depend on how likely the
  // chosen tokens were. Empty for others.
  [[nodiscard]] std::vector<float> averages() const { return chain_.averages(); }
  void set_averages(std::span<const float> averages) { chain_.set_averages(averages); }  // throws Error{usage}

  // As it was made: the same seed draws the same again.
  void reset();
  [[nodiscard]] Sampler clone() const;       // with all it has become, the grammar's place too; independent of this one
  [[nodiscard]] std::uint32_t seed() const;  // the one in use; LLAMA_DEFAULT_SEED where nothing draws
  [[nodiscard]] const SamplerChain& chain() const noexcept { return chain_; }

  // What the last choice was made from, after all links: the n likeliest, falling; of a greedy choice that one alone
  // (most_probable() knows the others). Empty before the first.
  [[nodiscard]] std::vector<TokenProbability> top_candidates(std::size_t n) const;

  // Throws Error{unsupported} for a chain of the caller's own.
  [[nodiscard]] SamplerSnapshot snapshot() const;

 private:
  struct Deleter {
    void operator()(llama_sampler* sampler) const noexcept { llama_sampler_free(sampler); }
  };
  // What of the chain makes a list of the whole vocabulary needless: so many links that touch few tokens, then one that
  // keeps so many of the largest. 0 kept: nothing does.
  struct Narrowing {
    std::size_t links = 0;
    std::size_t kept = 0;
    bool greedy = false;
  };
  struct Workspace;  // kept between choices
  struct DeleteWorkspace {
    void operator()(Workspace* workspace) const noexcept;
  };

  Sampler(std::size_t n_vocab, SamplerChain chain);
  [[nodiscard]] static Narrowing narrowing_of(const SamplerChain& chain);
  void require_logits(std::span<const float> logits) const;
  [[nodiscard]] std::optional<float> narrow(std::span<const float> logits, std::size_t count);
  [[nodiscard]] bool has_one_order();
  [[nodiscard]] bool narrow_to_choice(std::span<const float> logits);
  [[nodiscard]] bool narrow_to_allowed(std::span<const float> logits);
  void choose(std::span<const float> logits, llama_token_data_array& array, bool few);
  [[nodiscard]] Token chosen(const llama_token_data_array& array);
  void remember(Token token, bool sampled);

  SamplerChain chain_;
  std::unique_ptr<llama_sampler, Deleter> grammar_;
  std::optional<SamplingParams> params_;  // empty: made from a chain
  std::size_t n_vocab_;
  std::uint64_t chosen_ = 0;                  // tokens, of the answer
  std::vector<AcceptedToken> accepted_;       // kept where params_ are, for snapshots
  std::vector<llama_token_data> candidates_;  // of the last choice: the first left_ of them
  std::size_t left_ = 0;
  Narrowing narrowing_;
  std::unique_ptr<Workspace, DeleteWorkspace> workspace_;
  bool seen_ = false;  // candidates_ are what look() took
};

}  // namespace plimsoll::engine
