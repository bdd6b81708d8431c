#include "asked_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "plan/plan_json.hpp"

namespace plimsoll::server {
namespace {

// A refusal says what the model needs, and what there is.
api::Problem with_its_plan(const Error& error, const host::Host& host, const std::string& model,
                           const ServerOptions& options) {
  plan::Plan plan;
  if (options.ways_out) plan.alternatives = options.ways_out(model);
  const auto drafts = host::drafts_of(*host.fleet());
  const auto draft = drafts.find(model);
  const std::vector<plan::ModelPlan> plans = host.plans();
  std::ranges::copy_if(plans, std::back_inserter(plan.models), [&](const plan::ModelPlan& one) {
    return one.name == model || (draft != drafts.end() && one.name == draft->second);
  });
  plan.devices = plan::admit(plan.models, host.devices());
  nlohmann::ordered_json numbers = plan::to_json(plan, tracker::mode());
  for (auto& one : numbers["models"]) one.erase("path");  // where files lie is nobody's business out there
  return api::problem_of(error).with("plan", std::move(numbers));
}

}  // namespace

std::shared_ptr<const host::FleetModel> model_asked_for(const host::Host& host, const std::string& name) {
  return model_named(host.fleet(), name).model;
}

namespace {

template <class All, class Name>
auto of_name(All all, const std::string& model, Name name) {
  const auto found = std::ranges::find(all, model, name);
  if (found == all.end()) throw api::no_such_model(model);
  return std::move(*found);
}

}  // namespace

host::ModelStatus status_of(const host::Host& host, const std::string& model) {
  return of_name(host.status().models, model, &host::ModelStatus::name);
}

plan::ModelPlan plan_of(const host::Host& host, const std::string& model) {
  return of_name(host.plans(), model, &plan::ModelPlan::name);
}

plan::ModelPlan usable_plan_of(const host::Host& host, const std::string& model) {
  plan::ModelPlan plan = plan_of(host, model);
  if (plan.unusable) throw *plan.unusable;
  return plan;
}

std::vector<KnownModel> known_models(const host::Host& host) {
  std::vector<KnownModel> out;
  const std::shared_ptr<const host::Fleet> fleet = host.fleet();
  const std::vector<plan::ModelPlan> plans = host.plans();
  const host::HostStatus status = host.status();
  for (const host::FleetModel& model : fleet->models) {
    const auto plan = std::ranges::find(plans, model.request.name, &plan::ModelPlan::name);
    const auto now = std::ranges::find(status.models, model.request.name, &host::ModelStatus::name);
    if (plan == plans.end() || now == status.models.end() || plan->unusable) continue;
    out.push_back({.model = {fleet, &model}, .plan = *plan, .status = *now});
  }
  return out;
}

void throw_with_plan(const Error& error, const host::Host& host, const std::string& model,
                     const ServerOptions& options) {
  if (!host.has(model)) throw api::no_such_model(model);  // it has left the fleet meanwhile
  if (error.code() == ErrorCode::over_budget || error.code() == ErrorCode::out_of_device_memory)
    throw with_its_plan(error, host, model, options);
  throw error;
}

void require_loaded(const host::Host& host, const std::string& model) {
  if (host::is_resident(status_of(host, model).state)) return;
  throw api::Problem(
      400, "model_not_loaded",
      fmt::format("model '{}' is not loaded, and this server loads none by itself: POST /models/load", model))
      .at("model");
}

host::AcquireOptions acquire_options(const ServerOptions& options, std::stop_token stop) {
  host::AcquireOptions how{.stop = std::move(stop)};
  if (options.limits.waiting.count() > 0) {
    how.patience = options.limits.waiting;
    how.when_short = host::WhenShort::wait;  // others may give it back in time
  }
  return how;
}

host::Lease lease_of(host::Host& host, const std::string& model, const ServerOptions& options, std::stop_token stop) {
  try {
    return host.acquire(model, acquire_options(options, std::move(stop)));
  } catch (const Error& error) {
    throw_with_plan(error, host, model, options);
  }
}

void load_model(host::Host& host, const std::string& model, const ServerOptions& options, std::stop_token stop) {
  try {
    host.load(model, std::move(stop));
  } catch (const Error& error) {
    throw_with_plan(error, host, model, options);
  }
}

}  // namespace plimsoll::server
