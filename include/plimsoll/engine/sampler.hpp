// Sampler: how the next token is chosen from logits: a chain, a grammar beside it, and what they have seen so far.
#pragma once
#include <llama.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <plimsoll/engine/context.hpp>
#include <plimsoll/engine/sampler_chain.hpp>
#include <plimsoll/engine/sampler_snapshot.hpp>
#include <plimsoll/engine/sampling_params.hpp>
#include <plimsoll/engine/token_probability.hpp>

namespace plimsoll::engine {

// Move-only; one thread. The model must outlive it.
class Sampler {
 public:
  // Throws Error: usage (parameters that mean nothing, a grammar that does not parse, a bias for a token that is none),
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
  // The same from logits at hand, [n_vocab], which are copied. Another number of them throws Error{usage}.
  [[nodiscard]] Token sample(std::span<const float> logits);

  // For tokens that were not sampled here, e.g. a prompt that the penalties should see. The grammar does not: it speaks
  // of the answer, and a token that it forbids would end it. Throws Error{usage} for a token that is none.
  void accept(Token token);
  // For a choice made elsewhere, as if sample() had made it: the grammar moves on. Throws Error{usage} where it forbids
  // the token; nothing has changed then.
  void accept_choice(Token token);
  [[nodiscard]] bool grammar_allows(Token token) const;  // true where there is no grammar

  // As it was made: the same seed draws the same again.
  void reset();
  [[nodiscard]] Sampler clone() const;       // with all it has become, the grammar's place too; independent of this one
  [[nodiscard]] std::uint32_t seed() const;  // the one in use; LLAMA_DEFAULT_SEED where nothing draws
  [[nodiscard]] const SamplerChain& chain() const noexcept { return chain_; }

  // What the last choice was made from, after all links: the n likeliest, falling. Empty before the first.
  [[nodiscard]] std::vector<TokenProbability> top_candidates(std::size_t n) const;

  // Throws Error{unsupported} for what cannot be continued from a value: chains of the caller's own, and mirostat and
  // adaptive-p, whose running averages the engine does not tell.
  [[nodiscard]] SamplerSnapshot snapshot() const;

 private:
  struct Deleter {
    void operator()(llama_sampler* sampler) const noexcept { llama_sampler_free(sampler); }
  };
  Sampler(std::size_t n_vocab, SamplerChain chain);
  void choose(std::span<const float> logits, llama_token_data_array& array);
  void remember(Token token, bool sampled);

  SamplerChain chain_;
  std::unique_ptr<llama_sampler, Deleter> grammar_;
  std::optional<SamplingParams> params_;  // empty: made from a chain
  std::size_t n_vocab_;
  std::vector<AcceptedToken> accepted_;       // kept where params_ are, for snapshots
  std::vector<llama_token_data> candidates_;  // of the last choice: the first left_ of them
  std::size_t left_ = 0;
};

}  // namespace plimsoll::engine
