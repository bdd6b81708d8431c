// Sampler: chooses tokens from logits, and remembers what it has chosen: for one choice over several generations, for
// links of one's own, and for loops of one's own.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <plimsoll/engine/sampling.hpp>
#include <plimsoll/model.hpp>

namespace plimsoll {

using engine::Candidate;
using engine::Candidates;

// Move-only; one thread. Holds the model. Moved from, it throws Error{usage}.
class Sampler {
 public:
  // `first`: a link of one's own in front of all others; `last`: one behind what narrows, in front of what chooses.
  // What one of them selects is the choice. Throws Error: usage (parameters that mean nothing, a grammar that does not
  // parse), unsupported (the model has no vocabulary, and they need it).
  Sampler(const Model& model, const SamplingParams& params, std::unique_ptr<CustomSampler> first = {},
          std::unique_ptr<CustomSampler> last = {});
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;
  ~Sampler();

  [[nodiscard]] Token sample(std::span<const float> logits);
  void accept(Token token);  // one that was not chosen here, e.g. of a prompt that the penalties should see
  void reset();              // as it was made: the same seed draws the same again

  struct Impl;
  [[nodiscard]] const std::shared_ptr<Impl>& impl() const;

 private:
  std::shared_ptr<Impl> impl_;
};

// A GBNF grammar whose texts are JSON that is valid under this JSON Schema, for SamplingParams::grammar. Throws Error:
// usage (no JSON, no schema), unsupported (a keyword that no grammar holds; the message names it and its place).
[[nodiscard]] std::string grammar_of_json_schema(std::string_view schema);

}  // namespace plimsoll
