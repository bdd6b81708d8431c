// llama_settings: what an answer is made with, as llama-server's /completion and /props tell it.
#pragma once
#include "api/text_request.hpp"

namespace plimsoll::api {

// Those of a request. What is laid below its sampling is not known there: see llama_sampling().
[[nodiscard]] Json llama_settings(const TextRequest& request);
// The sampling alone, as members of the same.
[[nodiscard]] Json llama_sampling(const engine::SamplingParams& sampling);

}  // namespace plimsoll::api
