// CustomSampler: a link of a sampler chain written by the caller.
#pragma once
#include <llama.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/vocab.hpp"

namespace plimsoll::engine {

// The tokens that may still be chosen. A view, valid during one apply(). It can lose tokens, never gain any.
class Candidates {
 public:
  explicit Candidates(llama_token_data_array& array) : array_(array) {}

  [[nodiscard]] std::size_t size() const noexcept { return array_.size; }
  [[nodiscard]] bool sorted() const noexcept { return array_.sorted; }  // by falling logit
  [[nodiscard]] std::span<const llama_token_data> view() const noexcept { return {array_.data, array_.size}; }
  // For changing logits or order; forgets that they were sorted and which was selected.
  [[nodiscard]] std::span<llama_token_data> edit() noexcept;
  void keep_first(std::size_t n);  // throws Error{usage} for none or more than there are
  void select(std::size_t index);  // the choice; throws Error{usage} outside
  [[nodiscard]] std::optional<std::size_t> selected() const noexcept;

 private:
  llama_token_data_array& array_;
};

// Called on the thread that samples. What it throws comes out of Sampler::sample() as it is; the sampler's state is
// then that of some moment of the choice: reset() it, or go on from a clone() made before.
class CustomSampler {
 public:
  virtual ~CustomSampler() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  virtual void apply(Candidates& candidates) = 0;
  virtual void accept(Token /*token*/) {}
  virtual void reset() {}
  [[nodiscard]] virtual std::unique_ptr<CustomSampler> clone() const = 0;
};

}  // namespace plimsoll::engine
