#include "small_fleet.hpp"

#include <algorithm>
#include <thread>

#include "host/free_capacity.hpp"

namespace plimsoll::host::test {
namespace {

run::GenerationParams greedy(const engine::Model& model, const std::string& prompt, std::int32_t tokens) {
  run::GenerationParams params{.predict = tokens, .sampling = {.temperature = 0}, .ignore_end_of_generation = true};
  if (!prompt.empty()) params.prompt = run::tokenize_prompt(model, prompt);
  return params;
}

Fleet swapped_to(Fleet fleet, const std::filesystem::path& folder) {
  if (fleet.swap.folder.empty()) fleet.swap.folder = folder;
  return fleet;
}

}  // namespace

Fleet fleet_of(const std::string& names, std::uint32_t sequences) {
  Fleet fleet;
  for (const char name : names) {
    FleetModel model;
    model.request = plimsoll::test::demo_request(fleet.models.size() % 2 == 0 ? "bosun-log" : "mate-chat", sequences);
    model.request.name = std::string(1, name);
    model.request.compute_group = kDefaultGroup;
    model.request.dry_run.context.n_ctx = 16384;
    fleet.models.push_back(std::move(model));
  }
  return fleet;
}

Fleet mapped(Fleet fleet) {
  for (FleetModel& model : fleet.models) model.request.dry_run.model.use_extra_bufts = false;
  return fleet;
}

Bytes together(const Fleet& fleet, const std::string& names) {
  std::vector<plan::ModelPlan> plans;
  std::vector<std::string> chosen;
  std::vector<plan::DeviceState> devices;
  for (const plan::Request& request : requests_of(fleet)) {
    plan::Plan plan = plimsoll::test::plan_of(request);
    plans.push_back(plan.models.front());
    if (names.contains(request.name)) chosen.push_back(request.name);
    devices.clear();
    for (const plan::DeviceVerdict& verdict : plan.devices) devices.push_back(verdict.state);
  }
  for (const plan::DeviceVerdict& verdict : FreeCapacity(plans, devices, drafts_of(fleet)).judge(chosen)) {
    if (verdict.state.info.id.is_host()) return verdict.required;
  }
  return {};
}

void budget_for(Fleet& fleet, std::size_t count) {
  std::string names;
  for (const FleetModel& model : fleet.models) names += model.request.name;
  fleet.budgets = {{.device = device::host(), .amount = together(fleet, names.substr(0, count)) + kSlack}};
}

SmallHost::SmallHost(Fleet fleet, HostOptions options, const std::string& remembers)
    : store(remembers),
      host(accounting, swapped_to(std::move(fleet), folder.path()), dry_runs, store, std::move(options)) {}

std::string SmallHost::ask(const std::string& model, const std::string& prompt) {
  Lease lease = host.acquire(model);
  run::Generation generation(lease.conversation(), greedy(*lease.instance().model(), prompt, 8));
  return run::stream(generation);
}

std::string SmallHost::go_on(const std::string& model, ConversationId conversation, const std::string& prompt,
                             std::int32_t tokens) {
  Lease lease = host.acquire(model, {.conversation = conversation});
  run::Generation generation(lease.conversation(), greedy(*lease.instance().model(), prompt, tokens));
  return run::stream(generation);
}

ModelStatus SmallHost::status(const std::string& model) const {
  const HostStatus status = host.status();
  return *std::ranges::find(status.models, model, &ModelStatus::name);
}

ModelState SmallHost::state(const std::string& model) const { return status(model).state; }

void SmallHost::settle() const {
  const auto moving = [](const ModelStatus& model) {
    return model.state == ModelState::loading || model.state == ModelState::warming ||
           model.state == ModelState::draining;
  };
  while (std::ranges::any_of(host.status().models, moving)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::string alone(const plan::Request& request, const std::string& prompt, std::int32_t tokens) {
  run::MemoryAccounting accounting;
  const auto instance = plimsoll::test::ready(accounting, request);
  run::Generation generation(*instance, greedy(*instance->model(), prompt, tokens));
  return run::stream(generation);
}

}  // namespace plimsoll::host::test
