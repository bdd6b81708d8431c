#include "host/fleet_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "host/eviction.hpp"
#include "options/option.hpp"
#include "plan/others.hpp"
#include "plan/plan_json.hpp"
#include "plan/plan_table.hpp"

namespace plimsoll::host {
namespace {

using Names = std::vector<std::string>;

bool includes(const Names& set, const Names& part) {
  return std::ranges::all_of(part, [&](const std::string& name) { return std::ranges::contains(set, name); });
}

// Every set that fits and is no part of a larger one that fits. Pinned models are in each of them, if they fit.
std::vector<Names> largest_sets(const FreeCapacity& capacity, const Names& possible) {
  std::vector<std::pair<std::uint32_t, Names>> fitting;
  for (std::uint32_t mask = (1U << possible.size()) - 1; mask > 0; --mask) {
    const bool known = std::ranges::any_of(fitting, [&](const auto& larger) { return (larger.first & mask) == mask; });
    if (known) continue;
    Names set;
    for (std::size_t i = 0; i < possible.size(); ++i) {
      if ((mask & (1U << i)) != 0) set.push_back(possible[i]);
    }
    if (capacity.fits(set)) fitting.emplace_back(mask, std::move(set));
  }
  std::vector<Names> sets;
  for (auto& [mask, set] : fitting) {
    const bool part = std::ranges::any_of(
        fitting, [&](const auto& other) { return other.first != mask && includes(other.second, set); });
    if (!part) sets.push_back(set);
  }
  std::ranges::stable_sort(sets, std::ranges::greater{}, &Names::size);
  return sets;
}

std::vector<Candidate> candidates(const Fleet& fleet, const FreeCapacity& capacity, const Names& ready) {
  std::vector<Candidate> out;
  for (const FleetModel& model : fleet.models) {
    const std::string& name = model.request.name;
    if (model.pinned || !std::ranges::contains(ready, name)) continue;
    const auto megabytes = capacity.plan_of(name).dry_run.model.tensor_bytes.value() >> 20U;
    out.push_back({.name = name,
                   .last_used = {},
                   .reload_time = std::chrono::milliseconds(megabytes),
                   .priority = model.priority});
  }
  return out;
}

Switch switch_to(const Fleet& fleet, const FreeCapacity& capacity, const Names& ready, const std::string& wanted) {
  const std::vector<Candidate> may_go = candidates(fleet, capacity, ready);
  Names stay = ready;
  Names names;
  for (const Candidate& one : may_go) names.push_back(one.name);
  std::erase_if(stay, [&](const std::string& name) { return std::ranges::contains(names, name); });
  FreeCapacity::Trial trial(capacity, wanted, stay, names);
  const auto victims = choose_victims(may_go, *eviction_policy(fleet.eviction), Clock::TimePoint{}, trial);
  return {.ready = ready, .wanted = wanted, .evicted = victims.value_or(Names{}), .refused = !victims};
}

std::string never_text(const NeverFits& one) {
  std::string out = fmt::format("  Never: {}: {}\n", one.name, one.why);
  for (const plan::Alternative& alternative : one.alternatives)
    out += fmt::format("    would fit: {}  ({})\n", keys_of(alternative), alternative.cost);
  return out;
}

std::string at_most(const FreeCapacity& capacity) {
  if (capacity.most_models() == 0) return "";
  return fmt::format(" ({} {} at most)", capacity.most_models(), capacity.most_models() == 1 ? "model" : "models");
}

std::vector<plan::ModelPlan> usable_models(const FreeCapacity& capacity) {
  std::vector<plan::ModelPlan> out;
  std::ranges::copy_if(capacity.models(), std::back_inserter(out), [](const auto& model) { return !model.unusable; });
  return out;
}

std::vector<Keeping> keeping_of(const Fleet& fleet, const FreeCapacity& capacity) {
  std::vector<Keeping> out;
  for (const FleetModel& model : fleet.models) {
    Keeping one{.name = model.request.name, .bytes = {}};
    for (const std::string& name : {model.request.name, model.draft ? model.draft->request.name : std::string{}}) {
      if (name.empty()) continue;
      const WeightsToKeep weights = weights_to_keep(capacity.plan_of(name));
      one.bytes += weights.copy + weights.model;
    }
    one.within_budget = one.bytes <= fleet.keep_in_host;
    if (one.bytes > Bytes{}) out.push_back(std::move(one));
  }
  return out;
}

std::string keeping_text(const FleetPlan& plan) {
  std::string out = fmt::format("\n  Kept in host memory when they go, within {}:\n", format_bytes(plan.keep_in_host));
  for (const Keeping& one : plan.keeping)
    out += fmt::format("    {:<40} {}{}\n", one.name, format_bytes(one.bytes),
                       one.within_budget ? ", not read from its file again" : ": more than that, so it is not kept");
  return out;
}

}  // namespace

WeightsToKeep weights_to_keep(const plan::ModelPlan& plan) {
  WeightsToKeep out;
  for (const plan::Entry& entry : plan.entries) {
    if (!entry.charged || entry.stage != memory::Stage::weights) continue;
    (entry.device.is_host() ? out.model : out.copy) += entry.bytes;
  }
  if (out.copy == Bytes{}) return out;
  out.model = {};  // the model goes, with what of it lies on the host
  const engine::ModelParams& model = plan.request.model;
  const bool is_uploaded = model.load_mode == engine::LoadMode::mmap && !model.check_tensors;
  if (!is_uploaded || out.copy < tracker::kWorthUploading) out.copy = {};
  return out;
}

std::string keys_of(const plan::Alternative& alternative) {
  std::string out;
  for (const plan::Change& change : alternative.changes) {
    const options::Option option = options::option_of_param(change.param);
    const std::string value = option.kind == options::Kind::text ? fmt::format("\"{}\"", change.to) : change.to;
    out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", option.key, value);
  }
  return out;
}

bool FleetPlan::has_all() const { return never.empty() && unusable.empty(); }
bool FleetPlan::all_fit() const { return has_all() && together.size() == 1 && switches.empty(); }

FleetPlan plan_fleet(const Fleet& fleet, FreeCapacity capacity) {
  FleetPlan plan{.capacity = std::move(capacity),
                 .together = {},
                 .too_many = false,
                 .switches = {},
                 .never = {},
                 .explanation = {}};
  plan.keep_in_host = fleet.keep_in_host;
  for (const FleetModel& model : fleet.models) {
    for (const Preset& preset : model.presets)
      plan.presets.push_back({.name = preset.name, .model = model.request.name});
  }
  if (fleet.keep_in_host > Bytes{}) plan.keeping = keeping_of(fleet, plan.capacity);
  Names possible;
  for (const FleetModel& model : fleet.models) {
    const std::string& name = model.request.name;
    if (const auto why = plan.capacity.unusable(name)) {
      plan.unusable.push_back({.name = name, .why = *why});
      continue;
    }
    const auto verdicts = plan.capacity.judge({name});
    if (plan::all_fit(verdicts)) {
      possible.push_back(name);
    } else {
      plan.never.push_back({.name = name, .why = why_not(verdicts)});
    }
  }
  if (possible.empty()) return plan;
  if (plan.capacity.fits(possible)) {
    plan.together.push_back(possible);
  } else if (possible.size() <= kMostListed) {
    plan.together = largest_sets(plan.capacity, possible);
  } else {
    plan.too_many = true;
  }
  for (const Names& ready : plan.together) {
    for (const std::string& wanted : possible) {
      if (!std::ranges::contains(ready, wanted))
        plan.switches.push_back(switch_to(fleet, plan.capacity, ready, wanted));
    }
  }
  return plan;
}

void require_a_usable_one(const Fleet& fleet, const FreeCapacity& capacity) {
  std::optional<Error> first;
  for (const FleetModel& model : fleet.models) {
    const auto why = capacity.unusable(model.request.name);
    if (!why) return;
    if (!first) first = why;
  }
  if (first) throw *first;
}

std::string to_table(const FleetPlan& plan) {
  std::string out = plan::models_table(usable_models(plan.capacity)) + plan::promised_lines(plan.capacity.devices());
  if (!plan.together.empty() || plan.too_many) out += fmt::format("  Ready at once{}:\n", at_most(plan.capacity));
  for (const Names& set : plan.together) {
    out += fmt::format("    {:<40} ", fmt::format("{}", fmt::join(set, " + ")));
    std::string needs;
    for (const plan::DeviceVerdict& verdict : plan::one_of_each_memory(plan.capacity.judge(set))) {
      if (verdict.required == Bytes{}) continue;
      const auto& budget = verdict.state.budget;
      needs += fmt::format("{}{} on {}{}", needs.empty() ? "" : ", ", format_bytes(verdict.required),
                           verdict.state.info.id.name(), budget ? " of " + format_bytes(budget->bytes) : "");
    }
    out += needs + "\n";
  }
  if (plan.too_many) out += fmt::format("    (more than {} models: the sets are too many to list)\n", kMostListed);
  for (const NeverFits& one : plan.never) out += never_text(one);
  for (const CannotBeUsed& one : plan.unusable)
    out += fmt::format("  Cannot be used: {}: {}\n", one.name, one.why.what());
  if (!plan.switches.empty()) out += "\n  When another one is wanted:\n";
  for (const Switch& one : plan.switches) {
    out += one.refused ? fmt::format("    {} is refused beside {} (pinned)\n", one.wanted, fmt::join(one.ready, " + "))
                       : fmt::format("    {} for {}, of {}\n", one.wanted, fmt::join(one.evicted, " + "),
                                     fmt::join(one.ready, " + "));
  }
  if (!plan.keeping.empty()) out += keeping_text(plan);
  for (const PresetOfModel& preset : plan.presets)
    out += fmt::format("  Preset: {}: {}'s weights and context, 0 bytes of its own\n", preset.name, preset.model);
  out += to_text(plan.templates);
  return out;
}

nlohmann::ordered_json to_json(const FleetPlan& plan, tracker::Mode tracker) {
  using Json = nlohmann::ordered_json;
  Names all;
  for (const plan::ModelPlan& model : plan.capacity.models()) all.push_back(model.name);
  const plan::Plan models{.models = usable_models(plan.capacity),
                          .devices = plan.capacity.judge(all),
                          .alternatives = {},
                          .explanation = {}};
  Json switches = Json::array();
  for (const Switch& one : plan.switches) {
    switches.push_back(
        {{"ready", one.ready}, {"wanted", one.wanted}, {"evicted", one.evicted}, {"refused", one.refused}});
  }
  Json never = Json::array();
  for (const NeverFits& one : plan.never)
    never.push_back({{"name", one.name}, {"why", one.why}, {"alternatives", plan::to_json(one.alternatives)}});
  Json unusable = Json::array();
  for (const CannotBeUsed& one : plan.unusable)
    unusable.push_back({{"name", one.name}, {"code", to_string(one.why.code())}, {"why", one.why.what()}});
  Json presets = Json::array();
  for (const PresetOfModel& preset : plan.presets)
    presets.push_back({{"name", preset.name}, {"model", preset.model}, {"bytes", 0}});
  Json keeping = Json::array();
  for (const Keeping& one : plan.keeping)
    keeping.push_back({{"name", one.name}, {"bytes", one.bytes.value()}, {"within_budget", one.within_budget}});
  const Json parts = plan::to_json(models, tracker);
  return {{"schema", "plimsoll.fleet/1"},
          {"engine", parts["engine"]},
          {"verdict", plan.has_all() ? (plan.all_fit() ? "fits" : "takes_turns") : "refused"},
          {"models", parts["models"]},
          {"devices", parts["devices"]},
          {"models_max", plan.capacity.most_models()},
          {"together", plan.together},
          {"switches", switches},
          {"never", never},
          {"unusable", unusable},
          {"presets", presets},
          {"templates", to_json(plan.templates)},
          {"keep_in_host", plan.keep_in_host.value()},
          {"keeping", keeping}};
}

}  // namespace plimsoll::host
