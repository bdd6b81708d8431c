// asked_model: the model that a request names, and its lease.
#pragma once
#include <stop_token>
#include <string>

#include "host/host.hpp"
#include "server/server_options.hpp"

#include "model_names.hpp"

namespace plimsoll::server {

// See model_named(). Throws api::Problem 404.
[[nodiscard]] const host::FleetModel& model_asked_for(const host::Host& host, const std::string& name);

// Where it stands in the fleet, its plans and its status. Throws api::Problem 404.
[[nodiscard]] std::size_t place_of(const host::Host& host, const std::string& model);
// Throws why it could not be planned, where that is so.
[[nodiscard]] plan::ModelPlan plan_at(const host::Host& host, std::size_t place);

// How a request waits for its model, under the server's limits.
[[nodiscard]] host::AcquireOptions acquire_options(const ServerOptions& options, std::stop_token stop);
// Why the model is not had: a refusal for want of memory as api::Problem 507 with the model's plan, and with what would
// fit.
[[noreturn]] void throw_with_plan(const Error& error, const host::Host& host, const std::string& model,
                                  const ServerOptions& options);
// Waits until the model is ready. Throws what acquiring throws, as throw_with_plan() does.
[[nodiscard]] host::Lease lease_of(host::Host& host, const std::string& model, const ServerOptions& options,
                                   std::stop_token stop);
// Loads it without a lease; throws likewise.
void load_model(host::Host& host, const std::string& model, const ServerOptions& options, std::stop_token stop);

}  // namespace plimsoll::server
