#include "asked_model.hpp"

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "plan/plan_json.hpp"

namespace plimsoll::server {
namespace {

// A refusal says what the model needs, and what there is.
api::Problem with_its_plan(const Error& error, const host::Host& host, const std::string& model,
                           const ServerOptions& options) {
  plan::Plan plan;
  if (const auto found = options.ways_out.find(model); found != options.ways_out.end())
    plan.alternatives = found->second;
  const auto drafts = host::drafts_of(host.fleet());
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

const host::FleetModel& model_asked_for(const host::Host& host, const std::string& name) {
  return *model_named(host.fleet(), name).model;
}

std::size_t place_of(const host::Host& host, const std::string& model) {
  return static_cast<std::size_t>(&model_asked_for(host, model) - host.fleet().models.data());
}

plan::ModelPlan plan_at(const host::Host& host, std::size_t place) {
  plan::ModelPlan plan = host.plans()[place];
  if (plan.unusable) throw *plan.unusable;
  return plan;
}

void throw_with_plan(const Error& error, const host::Host& host, const std::string& model,
                     const ServerOptions& options) {
  const bool is_about_memory =
      error.code() == ErrorCode::over_budget || error.code() == ErrorCode::out_of_device_memory;
  if (!is_about_memory) throw error;
  throw with_its_plan(error, host, model, options);
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
