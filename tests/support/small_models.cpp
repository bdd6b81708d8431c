#include "small_models.hpp"

#include <malloc.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include <plimsoll/base/error.hpp>
#include "dry_run/local_dry_runs.hpp"

#include "arch_models.hpp"
#include "paths.hpp"

namespace plimsoll::test {

plan::Request small_request(const std::string& model, const std::string& device, std::uint32_t sequences) {
  plan::Request request{.name = model, .dry_run = {}};
  request.dry_run.model.path = arch_model(model);
  request.dry_run.model.devices = {device == "CPU" ? "none" : device};
  request.dry_run.context.n_ctx = 256 * sequences;
  request.dry_run.context.n_batch = 64;
  request.dry_run.context.n_ubatch = 32;
  request.dry_run.context.n_seq_max = sequences;
  request.dry_run.context.n_threads = 1;  // tests run side by side, and waiting threads spin
  return request;
}

plan::Request demo_request(const std::string& model, std::uint32_t sequences) {
  plan::Request request{.name = model, .dry_run = {}};
  request.dry_run.model.path = source_path("models/demo/") + model + ".gguf";
  request.dry_run.model.devices = {"none"};
  request.dry_run.context.n_ctx = 256 * sequences;
  request.dry_run.context.n_batch = 64;
  request.dry_run.context.n_ubatch = 32;
  request.dry_run.context.n_seq_max = sequences;
  request.dry_run.context.n_threads = 1;
  return request;
}

plan::Plan plan_of(const plan::Request& request, const plan::PlannerOptions& options) {
  dry_run::LocalDryRuns dry_runs;
  plan::Store nothing("/dev/null/plimsoll.db");  // cannot be opened, so nothing is remembered
  return plan::Planner(dry_runs, nothing).plan({request}, options);
}

std::unique_ptr<run::Instance> reserve(run::MemoryAccounting& accounting, const plan::Plan& plan) {
  accounting.set_budgets(plan.devices);
  return std::make_unique<run::Instance>(accounting, plan.models.front(), plan.devices);
}

std::unique_ptr<run::Instance> ready(run::MemoryAccounting& accounting, const plan::Request& request) {
  memory::Owner owner = accounting.owners().claim_numbered(request.name);  // a test may open one model twice
  plan::Request named = request;
  named.name = owner.name();
  const plan::Plan plan = plan_of(named);
  accounting.set_budgets(plan.devices);
  auto instance =
      std::make_unique<run::Instance>(accounting, plan.models.front(), plan.devices, run::Sharing{}, std::move(owner));
  run::OpenOptions options;
  options.warm_up.depth = run::WarmUpDepth::quick;
  run::make_ready(*instance, options, nullptr);
  return instance;
}

void expect_holds_what_is_planned(const run::Instance& instance) {
  auto planned = instance.plan().entries;
  std::erase_if(planned, [](const plan::Entry& entry) { return entry.stage == memory::Stage::runtime; });
  auto taken = instance.snapshot();
  const auto by_place = [](const plan::Entry& entry) { return std::tuple(entry.device, entry.buffer, entry.stage); };
  std::ranges::sort(planned, {}, by_place);
  std::ranges::sort(taken, {}, by_place);
  EXPECT_EQ(planned, taken);
}

Bytes process_memory() {
  malloc_trim(0);  // what the heap keeps for later is nobody's leak
  const SystemClock clock;
  const auto probes = device::make_system_probes(clock);
  device::DeviceInfo host{
      .id = device::host(), .type = {}, .backend = "CPU", .description = {}, .pci_id = {}, .memory_is_hosts = true};
  return probes->read(host).value().used_by_us.value();
}

}  // namespace plimsoll::test
