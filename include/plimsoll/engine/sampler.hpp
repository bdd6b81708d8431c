// Sampler: how the next token is chosen from logits: a declared set of parameters, made into llama.cpp's chain.
#pragma once
#include <llama.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <plimsoll/engine/context.hpp>

namespace plimsoll::engine {

// llama.cpp's defaults. temperature <= 0 is greedy.
struct SamplingParams {
  std::uint32_t seed = LLAMA_DEFAULT_SEED;  // this value: a random one
  float temperature = 0.8F;
  std::int32_t top_k = 40;    // <= 0: off
  float top_p = 0.95F;        // 1: off
  float min_p = 0.05F;        // 0: off
  float typical_p = 1.0F;     // 1: off
  float top_n_sigma = -1.0F;  // < 0: off
  std::int32_t penalty_last_n = 64;
  float penalty_repeat = 1.0F;     // 1: off
  float penalty_frequency = 0.0F;  // 0: off
  float penalty_presence = 0.0F;   // 0: off
  std::string grammar{};           // GBNF; empty: none
  std::string grammar_root = "root";
};

// Move-only; one thread. The model must outlive it.
class Sampler {
 public:
  // Throws Error{usage} for a grammar that does not parse.
  Sampler(const Model& model, const SamplingParams& params);

  // Chooses from the logits of the index-th token of the last batch and accepts the choice. With a grammar: the chain
  // chooses first, and only where the grammar forbids that choice it is asked again over what the grammar allows.
  [[nodiscard]] Token sample(const Context& context, std::int32_t index);
  // The same from logits at hand, [n_vocab], which are copied. Another number of them throws Error{usage}.
  [[nodiscard]] Token sample(std::span<const float> logits);
  // For tokens that were not sampled here, e.g. a prompt that the penalties should see. The grammar does not: it speaks
  // of the answer, and a token that it forbids would end it.
  void accept(Token token);
  void reset();
  [[nodiscard]] std::uint32_t seed() const;  // the one in use

 private:
  struct Deleter {
    void operator()(llama_sampler* sampler) const noexcept { llama_sampler_free(sampler); }
  };
  std::unique_ptr<llama_sampler, Deleter> chain_;
  std::unique_ptr<llama_sampler, Deleter> grammar_;
  std::size_t n_vocab_;
  std::vector<llama_token_data> candidates_;
};

}  // namespace plimsoll::engine
