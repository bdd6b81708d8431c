// budget_requests: what is wrong with the budgets that somebody asks for, taken together. A budget that binds
// nothing, or hides another, is refused.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/memory/budget.hpp>
#include "dry_run/dry_run_source.hpp"
#include "plan/plan.hpp"

namespace plimsoll::plan {

// Two budgets of one list for the same device, or two for every accelerator: a sentence that names it. Pure.
[[nodiscard]] std::optional<std::string> contradiction(const std::vector<memory::BudgetRequest>& budgets);

// A budget for every accelerator where each of these models was asked to use none (`--device none`): a sentence. Pure.
[[nodiscard]] std::optional<std::string> budget_without_use(const std::vector<memory::BudgetRequest>& budgets,
                                                            const std::vector<Request>& requests);

// On a machine without an accelerator, budgets for every accelerator become the host's, where it has none of its own:
// the caller means what computes. Else the budgets as they are. Pure.
[[nodiscard]] std::vector<memory::BudgetRequest> budgets_of_machine(std::vector<memory::BudgetRequest> budgets,
                                                                    const std::vector<dry_run::DeviceView>& devices);

}  // namespace plimsoll::plan
