// Adaptive samplers: what they keep depends on how likely the tokens were that they chose. The engine has the same, but
// does not tell what they have become; so an answer could not be gone on with.
#pragma once
#include <cstdint>
#include <memory>

#include "engine/own_sampler.hpp"

namespace plimsoll::engine {

// Mirostat (Basu et al. 2021), which holds the surprise of the chosen tokens at tau bits. The first version estimates
// from the likeliest tokens how many are to be left; the second one leaves those that surprise less than a bound, which
// moves.
[[nodiscard]] std::unique_ptr<OwnSampler> make_mirostat(std::int32_t n_vocab, float tau, float eta);
[[nodiscard]] std::unique_ptr<OwnSampler> make_mirostat_v2(float tau, float eta);

// llama.cpp's adaptive-p: prefers tokens near a probability, such that the chosen ones' mean is the target. `decay` is
// held between 0 and 0.99.
[[nodiscard]] std::unique_ptr<OwnSampler> make_adaptive_p(float target, float decay);

}  // namespace plimsoll::engine
