#include "plan/budget_requests.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace plimsoll::plan {

std::optional<std::string> contradiction(const std::vector<memory::BudgetRequest>& budgets) {
  for (auto budget = budgets.begin(); budget != budgets.end(); ++budget) {
    const bool again =
        std::any_of(budgets.begin(), budget, [&](const auto& other) { return other.device == budget->device; });
    if (!again) continue;
    return budget->device ? fmt::format("two budgets were asked for on '{}'; a device has one", budget->device->name())
                          : "two budgets were asked for without a device; every accelerator has one";
  }
  return std::nullopt;
}

std::optional<std::string> budget_without_use(const std::vector<memory::BudgetRequest>& budgets,
                                              const std::vector<Request>& requests) {
  const bool for_accelerators =
      std::ranges::any_of(budgets, [](const auto& budget) { return !budget.device.has_value(); });
  const bool none_used = std::ranges::all_of(requests, [](const Request& request) {
    return request.dry_run.model.devices == std::vector<std::string>{"none"};
  });
  if (!for_accelerators || !none_used || requests.empty()) return std::nullopt;
  return "a budget without a device is for accelerators, and with the device 'none' no model uses one; name the host: "
         "CPU=SIZE";
}

std::vector<memory::BudgetRequest> budgets_of_machine(std::vector<memory::BudgetRequest> budgets,
                                                      const std::vector<dry_run::DeviceView>& devices) {
  const bool accelerated =
      std::ranges::any_of(devices, [](const dry_run::DeviceView& view) { return !view.info.id.is_host(); });
  const bool is_asked_for = std::ranges::any_of(budgets, [](const auto& budget) { return !budget.device; });
  const bool named = std::ranges::any_of(
      budgets, [](const auto& budget) { return budget.device == device::host() && !budget.gives_way; });
  if (accelerated || named || !is_asked_for) return budgets;
  std::erase_if(budgets, [](const auto& budget) { return budget.device == device::host(); });
  for (memory::BudgetRequest& budget : budgets) {
    if (!budget.device) budget.device = device::host();
  }
  return budgets;
}

}  // namespace plimsoll::plan
