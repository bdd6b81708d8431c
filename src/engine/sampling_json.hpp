// sampling_json: SamplingParams and SamplerSnapshot as JSON and back. The keys are llama-server's where it has one.
#pragma once
#include <nlohmann/json.hpp>

#include <plimsoll/engine/sampling.hpp>
#include "engine/partial_sampling.hpp"
#include "engine/sampler_snapshot.hpp"

namespace plimsoll::engine {

// Every field. A bias that forbids (-infinity) is `false`, as JSON has no such number.
[[nodiscard]] nlohmann::ordered_json to_json(const SamplingParams& params);
// What is absent keeps its default. Throws Error{usage}: not an object, an unknown key, a value of the wrong type,
// and as validate() does.
[[nodiscard]] SamplingParams sampling_params_from_json(const nlohmann::ordered_json& json);

// The same, with what was named. Throws likewise.
[[nodiscard]] PartialSampling partial_sampling_from_json(const nlohmann::ordered_json& json);

[[nodiscard]] nlohmann::ordered_json to_json(const SamplerSnapshot& snapshot);
// Throws Error{usage} as above.
[[nodiscard]] SamplerSnapshot sampler_snapshot_from_json(const nlohmann::ordered_json& json);

}  // namespace plimsoll::engine
