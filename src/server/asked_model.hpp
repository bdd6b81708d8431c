// asked_model: the model that a request names, and its lease.
#pragma once
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "host/host.hpp"
#include "server/server_options.hpp"

#include "model_names.hpp"

namespace plimsoll::server {

// See model_named(). It stays what it is whatever becomes of the fleet. Throws api::Problem 404.
[[nodiscard]] std::shared_ptr<const host::FleetModel> model_asked_for(const host::Host& host, const std::string& name);

// Of a model of the fleet, by its own name. Throw api::Problem 404.
[[nodiscard]] host::ModelStatus status_of(const host::Host& host, const std::string& model);
[[nodiscard]] plan::ModelPlan plan_of(const host::Host& host, const std::string& model);
// Throws why it could not be planned, where that is so.
[[nodiscard]] plan::ModelPlan usable_plan_of(const host::Host& host, const std::string& model);

// A model with its plan and its status, all of one moment or left out.
struct KnownModel {
  std::shared_ptr<const host::FleetModel> model;
  plan::ModelPlan plan;
  host::ModelStatus status;
};
// In the fleet's order, without those that could not be planned.
[[nodiscard]] std::vector<KnownModel> known_models(const host::Host& host);

// Throws api::Problem 400 where the model is not, and nobody is loading it.
void require_loaded(const host::Host& host, const std::string& model);

// How a request waits for its model, under the server's limits.
[[nodiscard]] host::AcquireOptions acquire_options(const ServerOptions& options, std::stop_token stop);
// Why the model is not had: 404 where it has left the fleet; a refusal for want of memory as api::Problem 507 with the
// model's plan, and with what would fit.
[[noreturn]] void throw_with_plan(const Error& error, const host::Host& host, const std::string& model,
                                  const ServerOptions& options);
// Waits until the model is ready. Throws what acquiring throws, as throw_with_plan() does.
[[nodiscard]] host::Lease lease_of(host::Host& host, const std::string& model, const ServerOptions& options,
                                   std::stop_token stop);
// Loads it without a lease; throws likewise.
void load_model(host::Host& host, const std::string& model, const ServerOptions& options, std::stop_token stop);

}  // namespace plimsoll::server
