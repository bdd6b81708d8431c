#include "run/memory_accounting.hpp"

#include <algorithm>
#include <utility>

#include "broker/machine_ledger.hpp"
#include "run/machine_memory.hpp"
#include "run/shown_models.hpp"

namespace plimsoll::run {

MemoryAccounting::MemoryAccounting(std::shared_ptr<broker::MachineLedger> machine)
    : probe_(device::make_system_probes(clock_)),
      machine_(machine ? std::move(machine) : std::shared_ptr(broker::MachineLedger::open())),
      machine_memory_(std::make_unique<MachineMemory>(*machine_, *probe_)),
      ledger_(&events_, machine_memory_.get()),
      shown_(std::make_unique<ShownModels>(ledger_, *machine_memory_, *machine_)) {
  tracker_.start();
}

MemoryAccounting::~MemoryAccounting() { tracker_.stop(); }

void MemoryAccounting::set_budgets(const std::vector<plan::DeviceVerdict>& devices) {
  for (const plan::DeviceVerdict& verdict : devices) {
    ledger_.join(verdict.state.info.id, verdict.state.info.memory());
    machine_memory_->know(verdict.state.info);
  }
  const std::lock_guard lock(budgets_mutex_);
  for (const plan::DeviceVerdict& verdict : devices) {
    const auto& budget = verdict.state.budget;
    if (!budget) continue;
    budgets_[verdict.state.info.memory()] = *budget;
    ledger_.set_budget(verdict.state.info.id, budget->bytes);
    const device::DeviceInfo& info = verdict.state.info;
    if (info.memory_is_hosts && !info.id.is_host()) continue;  // the host's memory has the host's limit
    machine_memory_->limit(info.id, budget->shared ? std::optional(budget->bytes) : std::nullopt);
  }
}

std::vector<memory::BudgetRequest> MemoryAccounting::budgets_with(
    const std::vector<memory::BudgetRequest>& asked) const {
  const auto speaks_of = [this](const memory::BudgetRequest& request, const device::DeviceId& memory) {
    return request.device ? ledger_.memory_of(*request.device) == memory : !memory.is_host();
  };
  std::vector<memory::BudgetRequest> out;
  const std::lock_guard lock(budgets_mutex_);
  for (const auto& [memory, budget] : budgets_) {
    if (std::ranges::none_of(asked, [&](const auto& request) { return speaks_of(request, memory); }))
      out.push_back({.device = memory, .amount = budget.bytes, .shared = budget.shared, .gives_way = true});
  }
  out.insert(out.end(), asked.begin(), asked.end());
  return out;
}

std::vector<std::pair<device::DeviceId, Bytes>> MemoryAccounting::committed() const {
  std::vector<std::pair<device::DeviceId, Bytes>> out;
  for (const memory::Entry& entry : ledger_.entries()) {
    const device::DeviceId memory = ledger_.memory_of(entry.tag.device);
    const auto known = [&](const auto& pair) { return pair.first == memory; };
    if (std::ranges::any_of(out, known)) continue;
    out.emplace_back(memory, ledger_.account(memory).committed);
  }
  return out;
}

}  // namespace plimsoll::run
