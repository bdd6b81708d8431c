// preset: a request to one of a model's names with settings of its own.
#pragma once
#include "api/text_request.hpp"

#include "host/fleet.hpp"

namespace plimsoll::server {

// What the preset says and the request does not: the system message, and what the template is told.
void add_preset(const host::Preset& preset, api::TextRequest& request);

// The sampling that a request gets: the file's recommendation, over it the model's in the fleet, the preset's (null:
// none) and the request's.
[[nodiscard]] engine::SamplingParams sampling_of(const engine::PartialSampling& recommended,
                                                 const host::FleetModel& model, const host::Preset* preset,
                                                 const api::TextRequest& request);

}  // namespace plimsoll::server
