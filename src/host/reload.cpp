#include "reload.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "plan/others.hpp"

#include "host_impl.hpp"

namespace plimsoll::host {
namespace {

constexpr std::array kFromTheNextStart{"runtime", "prefault", "swap.folder", "swap.keep-prompts"};

std::vector<plan::Request> requests_of(const FleetModel& model) {
  std::vector<plan::Request> out{model.request};
  if (model.draft) out.push_back(model.draft->request);
  return out;
}

const std::string& name_of(const FleetModel& model) { return model.request.name; }

}  // namespace

Reload::Reload(ReloadedHost host, Fleet next)
    : host_(std::move(host)), next_(std::make_shared<const Fleet>(std::move(next))) {
  const std::vector<std::string> wrong = contradictions(*next_);
  if (!wrong.empty()) throw Error(ErrorCode::usage, fmt::format("{}", fmt::join(wrong, "; ")));
  report_.difference = difference_of(*host_.fleet, *next_);
  // A draft of that name may hold its memory still.
  for (const auto& [model, draft] : drafts_of(*host_.fleet)) {
    if (std::ranges::contains(report_.difference.added, draft))
      throw Error(ErrorCode::usage,
                  fmt::format("'{}' is the name of the draft of '{}', which has to go before a model is called so",
                              draft, model));
  }
  for (const std::string& setting : report_.difference.settings) {
    if (std::ranges::contains(kFromTheNextStart, setting)) report_.later.push_back(setting);
  }
}

const FleetModel* Reload::old(const std::string& name) const {
  const auto found = std::ranges::find(host_.fleet->models, name, name_of);
  return found == host_.fleet->models.end() ? nullptr : &*found;
}

const ModelDifference* Reload::changed(const std::string& name) const {
  const auto found = std::ranges::find(report_.difference.changed, name, &ModelDifference::name);
  return found == report_.difference.changed.end() ? nullptr : &*found;
}

ModelDifference* Reload::changed(const std::string& name) {
  return const_cast<ModelDifference*>(std::as_const(*this).changed(name));  // the report is ours
}

bool Reload::comes(const std::string& name) const {
  const ModelDifference* const difference = changed(name);
  return old(name) == nullptr || (difference != nullptr && difference->reloads);
}

// --- planning ---

bool Reload::has_other_files(const FleetModel& model) const {
  return std::ranges::any_of(requests_of(model),
                             [&](const plan::Request& request) { return !host_.files.are_as_planned(request.name); });
}

std::vector<plan::Request> Reload::to_be_planned() const {
  std::vector<plan::Request> out;
  for (const FleetModel& model : next_->models) {
    if (comes(name_of(model)) || tried_.contains(name_of(model))) out.append_range(requests_of(model));
  }
  return out;
}

Surroundings Reload::surroundings() const {
  Surroundings out{.machine = &host_.machine};
  for (const plan::DeviceState& device : host_.devices) {
    if (device.info.memory() == device.info.id) out.ours.emplace_back(device.info.id, device.ours);
  }
  return out;
}

void Reload::plan(plan::Planner& planner) {
  for (const FleetModel& model : next_->models) {
    if (!comes(name_of(model)) && has_other_files(model)) tried_.insert(name_of(model));
  }
  const std::vector<plan::Request> requests = to_be_planned();
  devices_ = host_.devices;
  // To ask a child for the devices takes a second.
  if (requests.empty() && !std::ranges::contains(report_.difference.settings, "budgets")) return;
  for (const plan::Request& request : requests) files_[request.name] = identity_of(request.dry_run);
  Surroundings beside = surroundings();
  plan::Plan plan = planner.plan(requests, {.budgets = next_->budgets,
                                            .ours = std::move(beside.ours),
                                            .alternatives = false,
                                            .runtime = next_->runtime,
                                            .skip_unusable = true,
                                            .machine = beside.machine});
  add_processes(*next_, plan.models);
  for (plan::ModelPlan& model : plan.models) {
    if (model.unusable) files_[model.name].reset();
    planned_[model.name] = std::move(model);
  }
  for (plan::DeviceState& device : devices_) {
    const auto same = [&](const plan::DeviceVerdict& verdict) { return verdict.state.info.id == device.info.id; };
    const auto planned = std::ranges::find_if(plan.devices, same);
    if (planned != plan.devices.end()) device.budget = planned->state.budget;
  }
  for (const FleetModel& model : next_->models) {
    if (tried_.contains(name_of(model))) note_other_files(model);
  }
}

// A model that is declared as before, whose files are others. One that cannot be planned stays what it is: where it is
// loaded it works on, and its next load says what is wrong.
void Reload::note_other_files(const FleetModel& model) {
  const std::string& name = name_of(model);
  for (const plan::Request& request : requests_of(model)) {
    const auto& why = planned_.at(request.name).unusable;
    if (!why) continue;
    report_.reasons.push_back({.place = model.place, .model = name, .sentence = why->what()});
    return drop_plan_of(model);
  }
  ModelDifference* difference = changed(name);
  if (difference == nullptr) {
    std::erase(report_.difference.unchanged, name);
    difference = &report_.difference.changed.emplace_back(ModelDifference{.name = name, .what = {}});
  }
  difference->what.emplace_back("file");
  difference->reloads = true;
  difference->conversations = ConversationsKeep::nothing;
}

void Reload::drop_plan_of(const FleetModel& model) {
  for (const plan::Request& request : requests_of(model)) {
    planned_.erase(request.name);
    files_.erase(request.name);
  }
}

// --- judging ---

void Reload::look_at(const FleetModel& model, const FreeCapacity& capacity) {
  ReloadReason reason{.place = model.place, .model = name_of(model), .sentence = {}};
  if (const auto why = capacity.unusable(reason.model))
    reason.sentence = why->what();
  else if (const auto verdicts = capacity.judge({reason.model}); !plan::all_fit(verdicts))
    reason.sentence = fmt::format("'{}' does not fit, even alone: {}", reason.model, why_not(verdicts));
  if (reason.sentence.empty()) return;
  refused_ = refused_ || !model.place.empty();
  report_.reasons.push_back(std::move(reason));
}

void Reload::look_at_budgets(const FreeCapacity& capacity) {
  if (!std::ranges::contains(report_.difference.settings, "budgets")) return;
  const FreeCapacity before(host_.plans, host_.devices, drafts_of(*host_.fleet));
  for (const FleetModel& model : next_->models) {
    const std::string& name = name_of(model);
    if (comes(name) || !plan::all_fit(before.judge_by_budgets({name}))) continue;
    const auto verdicts = capacity.judge_by_budgets({name});
    if (plan::all_fit(verdicts)) continue;
    refused_ = true;
    report_.reasons.push_back({.place = model.place,
                               .model = name,
                               .sentence = fmt::format("'{}' fits no more: {}", name, why_not(verdicts))});
  }
}

void Reload::judge(plan::Planner& planner) {
  std::vector<plan::DeviceState> devices = devices_;
  plan::add_what_others_may_give(devices, host_.machine);
  const FreeCapacity capacity(plans(host_.plans), std::move(devices), drafts_of(*next_), next_->most_models);
  for (const FleetModel& model : next_->models) {
    if (comes(name_of(model))) look_at(model, capacity);
  }
  look_at_budgets(capacity);
  const bool has_one = std::ranges::any_of(next_->models, [&](const FleetModel& model) {
    return !capacity.unusable(name_of(model)) && plan::all_fit(capacity.judge_by_budgets({name_of(model)}));
  });
  if (!has_one) {
    refused_ = true;
    report_.reasons.push_back({.sentence = "no model of this fleet can be used"});
  }
  add_alternatives(capacity, planner);
}

void Reload::add_alternatives(const FreeCapacity& capacity, plan::Planner& planner) {
  for (ReloadReason& reason : report_.reasons) {
    if (reason.model.empty() || capacity.unusable(reason.model)) continue;
    if (plan::all_fit(capacity.judge({reason.model}))) continue;
    FleetPlan plan{.capacity = capacity,
                   .together = {},
                   .switches = {},
                   .never = {{.name = reason.model, .why = reason.sentence}},
                   .explanation = {}};
    host::add_alternatives(plan, *next_, planner, surroundings());
    reason.alternatives = std::move(plan.never.front().alternatives);
  }
}

// --- what is to be changed ---

std::set<std::string> Reload::outgoing() const {
  std::set<std::string> out(report_.difference.removed.begin(), report_.difference.removed.end());
  for (const ModelDifference& model : report_.difference.changed) {
    if (model.reloads) out.insert(model.name);
  }
  return out;
}

ModelChange Reload::change_of(const FleetModel& model) const {
  ModelChange out{.rules = rules_of(model, planned_.at(name_of(model))), .plans = {}};
  for (const plan::Request& request : requests_of(model)) out.plans.push_back(planned_.at(request.name));
  const ModelDifference* const difference = changed(name_of(model));
  if (difference == nullptr) return out;
  out.conversations = difference->conversations;
  const bool has_same_files = std::ranges::none_of(
      difference->what, [](const std::string& key) { return key == "file" || key == "path" || key == "model-draft"; });
  out.same_weights = has_same_files && std::ranges::all_of(out.plans, [&](const plan::ModelPlan& plan) {
                       const auto before = std::ranges::find(host_.plans, plan.name, &plan::ModelPlan::name);
                       return before != host_.plans.end() && before->request.model == plan.request.model &&
                              before->request.adapters == plan.request.adapters &&
                              before->request.projector == plan.request.projector;
                     });
  return out;
}

FleetChange Reload::change() const {
  FleetChange out{.comes = {},
                  .goes = report_.difference.removed,
                  .rules = {},
                  .devices = devices_,
                  .most_models = next_->most_models};
  for (const FleetModel& model : next_->models) {
    const std::string& name = name_of(model);
    if (comes(name)) {
      out.comes.push_back(change_of(model));
    } else if (changed(name) != nullptr) {
      const auto plan = std::ranges::find(host_.plans, name, &plan::ModelPlan::name);
      out.rules.push_back(rules_of(model, *plan));
    }
  }
  return out;
}

std::vector<plan::ModelPlan> Reload::plans(const std::vector<plan::ModelPlan>& now) const {
  std::vector<plan::ModelPlan> out;
  for (const plan::Request& request : host::requests_of(*next_)) {
    const auto planned = planned_.find(request.name);
    out.push_back(planned != planned_.end() ? planned->second
                                            : *std::ranges::find(now, request.name, &plan::ModelPlan::name));
  }
  return out;
}

}  // namespace plimsoll::host
