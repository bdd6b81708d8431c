#include "opening.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "base/utf8.hpp"
#include "host/making_room.hpp"
#include "plan/budget_requests.hpp"
#include "plan/planner.hpp"
#include "plan/refusal.hpp"

#include "model_state.hpp"

namespace plimsoll::library {
namespace {

memory::Owner claim(Runtime::State& runtime, const std::string& name, const std::filesystem::path& path) {
  memory::OwnerNames& owners = runtime.accounting.owners();
  return name.empty() ? owners.claim_numbered(name_of_file(path.string())) : owners.claim(name);
}

std::vector<plan::RuntimeRequest> runtime_of(const ModelOptions& options) {
  std::vector<plan::RuntimeRequest> out;
  for (const auto& [device, bytes] : options.runtime)
    out.push_back({.device = device::DeviceId{device}, .bytes = bytes});
  return out;
}

plan::PlannerOptions planning_of(const Runtime::State& runtime, const ModelOptions& options) {
  plan::PlannerOptions planning;
  planning.budgets = runtime.accounting.budgets_with(runtime.budgets);
  planning.ours = runtime.accounting.committed();
  planning.runtime = runtime_of(options);
  planning.machine = &runtime.accounting.machine();
  return planning;
}

void require_consistent(const plan::PlannerOptions& planning, const std::vector<plan::Request>& requests) {
  for (const auto& wrong : {plan::contradiction(planning.budgets), plan::contradiction(planning.runtime),
                            plan::budget_without_use(planning.budgets, requests)}) {
    if (wrong) throw Error(ErrorCode::usage, *wrong);
  }
}

std::string changes_of(const plan::Alternative& alternative) {
  std::vector<std::string> changes;
  for (const plan::Change& change : alternative.changes)
    changes.push_back(fmt::format("{} = {} instead of {}", change.param, change.to, change.from));
  return fmt::format("{}", fmt::join(changes, ", "));
}

// The refusal with what would fit instead: the caller has no other place to see it.
Error refusal_of(const plan::Plan& plan) {
  const Error refused = plan::refused(fmt::format("'{}' does not fit", plan.models.front().name), plan.devices);
  if (plan.alternatives.empty()) return refused;
  std::vector<std::string> alternatives;
  for (const plan::Alternative& alternative : plan.alternatives) alternatives.push_back(changes_of(alternative));
  return {refused.code(),
          fmt::format("{}; it would fit with {}", refused.what(), fmt::join(alternatives, ", or with ")),
          refused.numbers()};
}

// Entries of the plan that stand for further contexts of `model`.
void add_contexts(Runtime::State& runtime, const plan::Request& model, std::span<const ContextOptions> contexts,
                  std::vector<plan::Request>& requests, std::vector<memory::Owner>& owners) {
  for (const ContextOptions& context : contexts) {
    owners.push_back(claim(runtime, context.name, model.name));
    requests.push_back({.name = owners.back().name(),
                        .dry_run = {.model = model.dry_run.model, .context = context.context},
                        .weights_of = model.name});
  }
}

}  // namespace

plan::Request request_of(const std::filesystem::path& path, const ModelOptions& options) {
  plan::Request request{.name = options.name,
                        .dry_run = {.model = options.model,
                                    .context = options.context,
                                    .adapters = options.adapters,
                                    .control_vector = options.control_vector,
                                    .projector = options.projector}};
  request.dry_run.model.path = path.string();
  return request;
}

run::SpeculationParams speculation_of(const DraftOptions& options) {
  return {.most = options.most, .least_probability = options.least_probability};
}

Planned planned(Runtime::State& runtime, plan::Request request, const ModelOptions& options,
                std::span<const ContextOptions> contexts, Purpose purpose) {
  Planned out;
  out.owners.push_back(claim(runtime, request.name, request.dry_run.model.path));
  request.name = out.owners.front().name();
  std::vector<plan::Request> requests{request};
  if (options.draft) {
    requests.push_back(
        run::plan_with_draft(requests.front(), options.draft->path.string(), speculation_of(*options.draft)));
    out.owners.push_back(runtime.accounting.owners().claim(requests.back().name));
  }
  add_contexts(runtime, request, contexts, requests, out.owners);
  const std::lock_guard lock(runtime.planning);
  const plan::PlannerOptions planning = planning_of(runtime, options);
  require_consistent(planning, requests);
  const auto plan = [&] { return plan::Planner(runtime.dry_runs, runtime.store).plan(requests, planning); };
  out.plan = plan();
  constexpr int kMostTries = 3;
  for (int tries = 0; purpose == Purpose::to_be_opened && tries < kMostTries && !out.plan.fits() &&
                      host::make_room(runtime.accounting.machine(), out.plan.devices, options.stop);
       ++tries)
    out.plan = plan();
  return out;
}

Planned planned(const Model::State& model, const ContextOptions& context) {
  const plan::ModelPlan& there = model.instance->plan();
  const plan::Request of{.name = there.name, .dry_run = there.request};
  Planned out;
  std::vector<plan::Request> requests;
  add_contexts(*model.runtime, of, std::span(&context, 1), requests, out.owners);
  const std::lock_guard lock(model.runtime->planning);
  out.plan = plan::Planner(model.runtime->dry_runs, model.runtime->store)
                 .plan(requests, planning_of(*model.runtime, model.options));
  return out;
}

std::shared_ptr<Model::State> reserved(std::shared_ptr<Runtime::State> runtime, Planned planned,
                                       const ModelOptions& options) {
  return reserved(std::move(runtime), std::move(planned), options, {}).front();
}

std::vector<std::shared_ptr<Model::State>> reserved(std::shared_ptr<Runtime::State> runtime, Planned planned,
                                                    const ModelOptions& options,
                                                    std::span<const ContextOptions> contexts) {
  if (!planned.plan.fits()) throw refusal_of(planned.plan);
  runtime->accounting.set_budgets(planned.plan.devices);
  std::vector<std::shared_ptr<Model::State>> out{std::make_shared<Model::State>(std::move(runtime), planned, options)};
  const std::size_t first = planned.plan.models.size() - contexts.size();
  for (std::size_t i = 0; i < contexts.size(); ++i)
    out.push_back(std::make_shared<Model::State>(out.front(), planned, first + i, contexts[i]));
  return out;
}

std::shared_ptr<Model::State> reserved(std::shared_ptr<Model::State> model, Planned planned,
                                       const ContextOptions& context) {
  if (!planned.plan.fits()) throw refusal_of(planned.plan);
  model->runtime->accounting.set_budgets(planned.plan.devices);
  return std::make_shared<Model::State>(std::move(model), planned, 0, context);
}

std::shared_ptr<Model::State> opened(std::shared_ptr<Runtime::State> runtime, plan::Request request,
                                     const ModelOptions& options) {
  if (options.draft) throw Error(ErrorCode::usage, "a draft proposes text: embeddings and ranking have none");
  Planned all = planned(*runtime, std::move(request), options, {}, Purpose::to_be_opened);
  auto state = reserved(std::move(runtime), std::move(all), options);
  state->load();
  state->create_context();
  state->warm_up();
  return state;
}

}  // namespace plimsoll::library
