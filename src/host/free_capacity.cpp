#include "host/free_capacity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include <plimsoll/base/error.hpp>
#include "plan/others.hpp"
#include "plan/process_entry.hpp"

namespace plimsoll::host {

namespace {

// Judged by the budgets alone: what else is on the devices may go away.
std::vector<plan::DeviceVerdict> admit_by_budgets(const std::vector<plan::ModelPlan>& models,
                                                  std::vector<plan::DeviceState> devices) {
  for (plan::DeviceState& device : devices) device.reading.free.reset();
  return plan::admit(models, devices);
}

memory::Stage stage_in_group(const std::string& buffer) {
  return buffer == plan::kProcessBuffer ? memory::Stage::runtime : memory::Stage::compute;
}

bool fits_alone(const plan::ModelPlan& model, const std::vector<plan::DeviceState>& devices) {
  return plan::all_fit(admit_by_budgets({model}, devices));
}

}  // namespace

FreeCapacity::FreeCapacity(std::vector<plan::ModelPlan> models, std::vector<plan::DeviceState> devices,
                           std::map<std::string, std::string> drafts, std::size_t most_models)
    : models_(std::move(models)), devices_(std::move(devices)), drafts_(std::move(drafts)), most_models_(most_models) {
  std::set<std::string> compute_groups;
  std::vector<plan::ModelPlan> possible;
  for (const plan::ModelPlan& model : models_) {
    if (!fits_alone(model, devices_)) continue;
    possible.push_back(model);
    if (!model.compute_group.empty()) compute_groups.insert(model.compute_group);
  }
  for (const std::string& compute_group : compute_groups) {
    plan::ModelPlan compute_buffers{.name = owner_of_group(compute_group),
                                    .request = {},
                                    .dry_run = {},
                                    .entries = {},
                                    .compute_group = compute_group};
    for (const auto& [place, bytes] : plan::compute_buffers_of(compute_group, possible)) {
      compute_buffers.entries.push_back(
          {.device = place.first, .buffer = place.second, .stage = stage_in_group(place.second), .bytes = bytes});
    }
    group_plans_.push_back(std::move(compute_buffers));
  }
  lay_out();
}

std::vector<memory::Ledger::PlannedEntry> FreeCapacity::compute_buffers_of_group(
    const std::string& compute_group) const {
  const auto found = std::ranges::find(group_plans_, compute_group, &plan::ModelPlan::compute_group);
  return compute_group.empty() || found == group_plans_.end() ? std::vector<memory::Ledger::PlannedEntry>{}
                                                              : plan::reservation_entries(*found);
}

std::vector<std::string> FreeCapacity::groups_of(const std::string& model) const {
  std::vector<std::string> out;
  const auto add_group_of = [&](const std::string& name) {
    const std::string& group = plan_of(name).compute_group;
    if (!group.empty() && !std::ranges::contains(out, group)) out.push_back(group);
  };
  add_group_of(model);
  if (const auto draft = drafts_.find(model); draft != drafts_.end()) add_group_of(draft->second);
  return out;
}

std::vector<plan::ModelPlan> FreeCapacity::group_members(const std::string& model) const {
  const std::string& compute_group = plan_of(model).compute_group;
  std::vector<plan::ModelPlan> out;
  for (const plan::ModelPlan& other : models_) {
    if (compute_group.empty() || other.compute_group != compute_group || other.name == model ||
        !fits_alone(other, devices_))
      continue;
    out.push_back(other);
    std::erase_if(out.back().entries, [](const plan::Entry& entry) { return !plan::is_of_compute_group(entry); });
  }
  return out;
}

const plan::ModelPlan& FreeCapacity::plan_of(const std::string& name) const { return models_[index_of(name)]; }

std::optional<Error> FreeCapacity::unusable(const std::string& name) const {
  const plan::ModelPlan& plan = plan_of(name);
  const auto draft = drafts_.find(name);
  return plan.unusable || draft == drafts_.end() ? plan.unusable : plan_of(draft->second).unusable;
}

std::vector<plan::ModelPlan> FreeCapacity::chosen(const std::vector<std::string>& names) const {
  std::vector<plan::ModelPlan> out;
  const auto add = [&](const std::string& name) {
    if (!std::ranges::contains(out, name, &plan::ModelPlan::name)) out.push_back(plan_of(name));
  };
  for (const std::string& name : names) {
    add(name);
    if (const auto draft = drafts_.find(name); draft != drafts_.end()) add(draft->second);
  }
  for (const plan::ModelPlan& compute_buffers : group_plans_) {
    if (std::ranges::contains(out, compute_buffers.compute_group, &plan::ModelPlan::compute_group))
      out.push_back(compute_buffers);
  }
  return out;
}

std::vector<plan::DeviceVerdict> FreeCapacity::judge(const std::vector<std::string>& names) const {
  return plan::admit(chosen(names), devices_);
}

std::vector<plan::DeviceVerdict> FreeCapacity::judge_by_budgets(const std::vector<std::string>& names) const {
  return admit_by_budgets(chosen(names), devices_);
}

// What throws here leaves it as it was.
void FreeCapacity::replace(const plan::ModelPlan& plan) {
  std::vector<plan::ModelPlan> models = models_;
  models[index_of(plan.name)] = plan;
  *this = FreeCapacity(std::move(models), devices_, drafts_, most_models_);
}

void FreeCapacity::exchange(const std::string& model, std::vector<plan::ModelPlan> plans,
                            const std::optional<std::string>& draft) {
  std::vector<plan::ModelPlan> models = models_;
  std::map<std::string, std::string> drafts = drafts_;
  const auto before = drafts.find(model);
  std::erase_if(models, [&](const plan::ModelPlan& one) {
    return one.name == model || (before != drafts.end() && one.name == before->second);
  });
  drafts.erase(model);
  if (draft) drafts[model] = *draft;
  models.append_range(std::move(plans));
  *this = FreeCapacity(std::move(models), devices_, std::move(drafts), most_models_);
}

void FreeCapacity::set_devices(std::vector<plan::DeviceState> devices) {
  *this = FreeCapacity(models_, std::move(devices), drafts_, most_models_);
}

Bytes FreeCapacity::required(const std::vector<std::string>& names) const {
  Bytes sum;
  for (const plan::DeviceVerdict& verdict : plan::one_of_each_memory(judge(names))) sum += verdict.required;
  return sum;
}

void FreeCapacity::set_runtime(const std::string& model, const device::DeviceId& device, plan::RuntimeFigure figure) {
  const std::size_t index = index_of(model);
  auto& entries = models_[index].entries;
  const auto found = std::ranges::find_if(
      entries, [&](const plan::Entry& entry) { return entry.device == device && plan::is_backends_runtime(entry); });
  if (found != entries.end()) {
    found->bytes = figure.bytes;
    found->source = figure.source;
  } else if (figure.bytes > Bytes{}) {
    entries.push_back({.device = device,
                       .buffer = device.name(),
                       .stage = memory::Stage::runtime,
                       .bytes = figure.bytes,
                       .source = figure.source});
  }
  lay_out_row(index);
}

std::string why_not(const std::vector<plan::DeviceVerdict>& verdicts) {
  std::string out;
  for (const plan::DeviceVerdict& verdict : plan::one_of_each_memory(verdicts)) {
    if (verdict.fits()) continue;
    const std::string promised = verdict.over_budget > Bytes{} ? "" : plan::promised_text(verdict.state);
    out += fmt::format("{}{} needed on {}, {} too much ({}){}{}", out.empty() ? "" : "; ",
                       format_bytes(verdict.required), verdict.state.info.id.name(), format_bytes(verdict.short_by),
                       to_string(*verdict.limit), promised.empty() ? "" : ": ", promised);
  }
  return out;
}

}  // namespace plimsoll::host
