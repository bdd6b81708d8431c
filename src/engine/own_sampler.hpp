// OwnSampler: a link of a chain that is written here, since the engine's own does not tell what it has become, or does
// not know where an answer begins.
#pragma once
#include <llama.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <plimsoll/engine/sampling.hpp>

namespace plimsoll::engine {

// All that it becomes follows from what it accepts, and from averages().
class OwnSampler {
 public:
  virtual ~OwnSampler() = default;
  // `draw`: a seed for what it draws.
  virtual void apply(llama_token_data_array& candidates, std::uint32_t draw) = 0;
  // `chosen`: it is of the answer; else it was there before.
  virtual void accept(Token token, bool chosen) = 0;
  virtual void reset() = 0;
  [[nodiscard]] virtual std::unique_ptr<OwnSampler> clone() const = 0;

  // What depends on the probabilities of what was chosen. Always as many numbers; none for most.
  [[nodiscard]] virtual std::vector<float> averages() const { return {}; }
  virtual void set_averages(std::span<const float> /*averages*/) {}  // as many
};

}  // namespace plimsoll::engine
