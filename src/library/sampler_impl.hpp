// Sampler::Impl: an engine's sampler with the model that it reads.
#pragma once
#include <memory>

#include <plimsoll/sampler.hpp>
#include "engine/sampler.hpp"

namespace plimsoll {

struct Sampler::Impl {
  std::shared_ptr<const void> model;  // destroyed last
  const engine::Model* weights = nullptr;
  std::shared_ptr<engine::Sampler> sampler;

  // For logits of that model. Throws Error{usage} where its tokens are others.
  [[nodiscard]] const std::shared_ptr<engine::Sampler>& for_logits_of(const engine::Model& of) const;
};

namespace library {

// Links of a program's own; each may be null.
struct OwnLinks {
  std::shared_ptr<CustomSampler> first;  // in front of all others
  std::shared_ptr<CustomSampler> last;   // in front of what chooses
};
[[nodiscard]] engine::Sampler sampler_with(const engine::Model& model, const SamplingParams& params, OwnLinks links);

}  // namespace library
}  // namespace plimsoll
