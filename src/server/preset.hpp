// preset: what a request gets of the server's settings, and of those of the name that it asks for.
#pragma once
#include "api/text_request.hpp"
#include "host/fleet.hpp"
#include "server/server_options.hpp"

namespace plimsoll::server {

// What the server, over it the model in the fleet and over that the preset (null: none) say and the request does not:
// the system message, and what the template is told.
void add_settings(const ServerOptions& options, const host::FleetModel& model, const host::Preset* preset,
                  api::TextRequest& request);

// The sampling that a request gets: the file's recommendation, over it the model's in the fleet, the preset's (null:
// none) and the request's.
[[nodiscard]] engine::SamplingParams sampling_of(const engine::PartialSampling& recommended,
                                                 const host::FleetModel& model, const host::Preset* preset,
                                                 const api::TextRequest& request);

// As it is, with as few tokens to look back on as make no difference: there are no more than `context`. A sampler takes
// memory for each of them. `trained`: the context that -1 stands for.
[[nodiscard]] engine::SamplingParams looking_back_within(engine::SamplingParams sampling, std::size_t context,
                                                         std::size_t trained);

}  // namespace plimsoll::server
