// How a host takes another fleet over.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "host/fleet_file.hpp"
#include "run/machine_memory.hpp"

#include "host_impl.hpp"
#include "reload.hpp"

namespace plimsoll::host {
namespace {

std::vector<ReloadReason> reasons_of(const Error& error) {
  const auto* const wrong = dynamic_cast<const WrongConfigFile*>(&error);
  if (wrong == nullptr) return {{.sentence = error.what()}};
  std::vector<ReloadReason> out;
  for (const ConfigFileError& one : wrong->errors())
    out.push_back({.place = wrong->place_of(one.line, one.column), .sentence = one.message});
  return out;
}

std::string text_of(const std::vector<ModelDifference>& changed) {
  std::vector<std::string> out;
  for (const ModelDifference& model : changed)
    out.push_back(fmt::format("{} ({})", model.name, fmt::join(model.what, ", ")));
  return fmt::format("{}", fmt::join(out, ", "));
}

std::string summary(const ReloadReport& report) {
  const FleetDifference& difference = report.difference;
  std::vector<std::string> parts;
  const auto add = [&](const char* what, std::size_t count, const std::string& names) {
    if (count > 0) parts.push_back(fmt::format("{} {}{}{}", count, what, names.empty() ? "" : ": ", names));
  };
  add("added", difference.added.size(), fmt::format("{}", fmt::join(difference.added, ", ")));
  add("changed", difference.changed.size(), text_of(difference.changed));
  add("removed", difference.removed.size(), fmt::format("{}", fmt::join(difference.removed, ", ")));
  add("unchanged", difference.unchanged.size(), "");
  add("settings changed", difference.settings.size(), fmt::format("{}", fmt::join(difference.settings, ", ")));
  return fmt::format("{}", fmt::join(parts, "; "));
}

void write_down(const ReloadReport& report) {
  if (report.applied)
    log::info("host", "the fleet was read again in {:.1f} ms: {}", report.ms, summary(report));
  else
    log::warn("host", "the fleet was read again, and is left as it was:");
  for (const std::string& setting : report.later) log::info("host", "'{}' counts from the next start on", setting);
  for (const ReloadReason& reason : report.reasons)
    log::warn("host", "{}{}{}", reason.place, reason.place.empty() ? "" : ": ", reason.sentence);
}

}  // namespace

ReloadReport Host::Impl::reload(const std::function<Fleet()>& read, plan::Planner& planner,
                                const std::stop_token& stop) {
  const MutexLock one_after_the_other(reloading_);
  const Stopwatch watch;
  ReloadReport report;
  try {
    Reload reload({.fleet = fleet(),
                   .plans = plans(),
                   .devices = devices_.states(),
                   .files = *files_,
                   .machine = accounting_.machine()},
                  read());
    reload.plan(planner);
    reload.judge(planner);
    report = reload.report();
    if (!reload.is_refused()) {
      if (!queue_.between_jobs([&] { take_over(reload); }, reload.outgoing(), stop))
        throw Error(ErrorCode::cancelled, "the reload was stopped before anything was changed");
      report.applied = true;
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::cancelled) throw;
    report.reasons.append_range(reasons_of(error));
  } catch (const std::exception& error) {  // a folder that cannot be read
    report.reasons.push_back({.sentence = error.what()});
  }
  report.ms = watch.elapsed_ms();
  count(report);
  write_down(report);
  return report;
}

// What was changed while the host worked (a model pinned by hand) stays, unless the fleet says something new of it.
ModelRules Host::Impl::rules_after(ModelRules rules, const FleetModel* before, const FleetModel& after) const {
  if (before == nullptr) return rules;
  const ModelRules now = queue_.rules(rules.name);
  if (before->pinned == after.pinned) rules.pinned = now.pinned;
  if (before->time_to_live == after.time_to_live) rules.time_to_live = now.time_to_live;
  return rules;
}

void Host::Impl::take_over(const Reload& reload) {
  const Fleet& next = *reload.fleet();
  const Fleet& before = reload.before();
  const auto old = [&](const std::string& name) {
    const auto found = std::ranges::find(before.models, name, [](const FleetModel& one) { return one.request.name; });
    return found == before.models.end() ? nullptr : &*found;
  };
  FleetChange change = reload.change();
  for (ModelChange& model : change.comes)
    model.rules = rules_after(model.rules, old(model.name()), model_of(next, model.name()));
  for (ModelRules& rules : change.rules) rules = rules_after(rules, old(rules.name), model_of(next, rules.name));
  set_budgets(change.devices);
  devices_.change(next, change.devices);
  conversations_.swap_space().set_limits(next.swap.memory, next.swap.disk);
  kept_.set_budget(next.keep_in_host);
  foreign_.leave(next.yield_to_foreign);
  if (!has_own_policy_) queue_.set_policy(eviction_policy(next.eviction));
  {
    const MutexLock lock(mutex_);
    plans_ = reload.plans(plans_);
    fleet_ = reload.fleet();
    for (const std::string& name : change.goes) counts_.erase(name);
    for (const ModelChange& model : change.comes) counts_.try_emplace(model.name());
  }
  for (const plan::Request& request : requests_of(next)) {  // plans first: see VocabularyCache
    const auto files = reload.files().find(request.name);
    if (files != reload.files().end()) files_->declare(request, files->second);
  }
  files_->set_drafts(drafts_of(next));
  ++fleet_number_;
  loader_.change_fleet(reload.fleet(), std::move(change));
  for (const FleetModel& model : next.models) {
    const FleetModel* const was = old(model.request.name);
    if (model.load_at_start && (was == nullptr || !was->load_at_start)) queue_.want(model.request.name);
  }
}

// As they are from now on; a device without one has none any more.
void Host::Impl::set_budgets(const std::vector<plan::DeviceState>& devices) {
  std::vector<plan::DeviceVerdict> verdicts;
  for (const plan::DeviceState& state : devices) {
    verdicts.push_back({.state = state, .required = {}, .short_by = {}, .limit = {}});
    if (state.budget) continue;
    accounting_.ledger().set_budget(state.info.id, std::nullopt);
    accounting_.machine_memory().limit(state.info.id, std::nullopt);
  }
  accounting_.set_budgets(verdicts);
}

void Host::Impl::count(const ReloadReport& report) {
  const MutexLock lock(mutex_);
  ++(report.applied ? reloads_.applied : reloads_.refused);
  reloads_.last_was_applied = report.applied;
  if (report.applied) reloads_.last_applied = clock_.now();
}

}  // namespace plimsoll::host
