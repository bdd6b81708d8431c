// own_sampler: a program's callbacks as a link of the sampler chain.
#pragma once
#include <memory>

#include <plimsoll.h>
#include <plimsoll/sampler.hpp>

#include "callbacks.hpp"

namespace plimsoll::c_api {

struct SamplerFunctions {
  plimsoll_sample_function sample = nullptr;  // either may be null
  plimsoll_accept_function accept = nullptr;
  void* user_data = nullptr;
};

// What they let out, and what they close, is `run`'s, which outlives the link. What they make of the candidates is
// looked at before the engine sees it: apply() throws Error{usage} where it breaks the rules of plimsoll.h.
[[nodiscard]] std::shared_ptr<CustomSampler> own_sampler(const SamplerFunctions& functions, CallbackRun& run);

}  // namespace plimsoll::c_api
