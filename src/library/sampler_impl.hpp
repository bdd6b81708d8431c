// Sampler::Impl: an engine's sampler with the model that it reads.
#pragma once
#include <memory>

#include <plimsoll/sampler.hpp>
#include "engine/sampler.hpp"

namespace plimsoll {

struct Sampler::Impl {
  std::shared_ptr<const void> model;  // destroyed last
  std::shared_ptr<engine::Sampler> sampler;
};

}  // namespace plimsoll
