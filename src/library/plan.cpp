#include <plimsoll/plan.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "plan/plan.hpp"
#include "plan/plan_json.hpp"
#include "plan/plan_table.hpp"
#include "plan/refusal.hpp"
#include "tracker/tracker.hpp"

#include "moved_from.hpp"
#include "opening.hpp"

namespace plimsoll {
namespace {

std::string changes_of(const plan::Alternative& alternative) {
  std::vector<std::string> changes;
  for (const plan::Change& change : alternative.changes)
    changes.push_back(fmt::format("{} = {} instead of {}", change.param, change.to, change.from));
  return fmt::format("{}", fmt::join(changes, ", "));
}

}  // namespace

namespace library {

Error refusal_of(const plan::Plan& plan) {
  const Error refused = plan::refused(fmt::format("'{}' does not fit", plan.models.front().name), plan.devices);
  if (plan.alternatives.empty()) return refused;
  std::vector<std::string> alternatives;
  for (const plan::Alternative& alternative : plan.alternatives) alternatives.push_back(changes_of(alternative));
  return {refused.code(),
          fmt::format("{}; it would fit with {}", refused.what(), fmt::join(alternatives, ", or with ")),
          refused.numbers()};
}

}  // namespace library

Plan::Plan(plan::Plan plan) : plan_(std::make_shared<const plan::Plan>(std::move(plan))) {}

const plan::Plan& Plan::plan() const { return *library::held(plan_, "plan"); }

bool Plan::fits() const { return plan().fits(); }

std::optional<Error> Plan::refusal() const {
  if (fits()) return std::nullopt;
  return library::refusal_of(plan());
}

std::vector<PlannedModel> Plan::models() const {
  std::vector<PlannedModel> out;
  for (const plan::ModelPlan& model : plan().models) out.push_back({.name = model.name, .entries = model.entries});
  return out;
}

std::vector<PlannedDevice> Plan::devices() const {
  std::vector<PlannedDevice> out;
  for (const plan::DeviceVerdict& verdict : plan().devices) {
    PlannedDevice device{.device = verdict.state.info.id.name(),
                         .required = verdict.required,
                         .free = verdict.state.reading.free,
                         .short_by = verdict.short_by};
    if (verdict.state.budget) device.budget = verdict.state.budget->bytes;
    out.push_back(std::move(device));
  }
  return out;
}

std::vector<Alternative> Plan::alternatives() const {
  std::vector<Alternative> out;
  for (const plan::Alternative& one : plan().alternatives) {
    Alternative alternative{.flags = one.flags, .cost = one.cost};
    for (const plan::Change& change : one.changes) alternative.changes.emplace_back(change.param, change.to);
    for (const auto& [device, bytes] : one.required) alternative.required.emplace_back(device.name(), bytes);
    out.push_back(std::move(alternative));
  }
  return out;
}

std::vector<std::string> Plan::explanation() const { return plan().explanation; }

std::string Plan::table() const { return to_table(plan()); }

std::string Plan::json() const { return to_json(plan(), tracker::mode()).dump(2); }

}  // namespace plimsoll
