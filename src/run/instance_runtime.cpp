// How an instance's runtime stage is measured, charged and remembered.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "plan/runtime_floor.hpp"
#include "run/instance.hpp"

#include "runtime_charge.hpp"
#include "runtime_growth.hpp"

namespace plimsoll::run {
namespace {

void say(const RuntimeGrowth::Figure& figure, plan::Worth worth, const std::string& model, Bytes planned) {
  const std::string& device = figure.memory.id.name();
  log::info("run", "'{}' takes {} of runtime on {} ({} were planned)", model, format_bytes(figure.bytes), device,
            format_bytes(planned));
  if (figure.whose == device::Whose::everybody)
    log::info("run", "on {} this process's own use cannot be told: it was read as total less free, everybody's",
              device);
  if (worth == plan::Worth::kept) return;
  // Beside another model in the same process that is as expected; the others are worth a look.
  const auto level = worth == plan::Worth::shared ? log::Level::info : log::Level::warn;
  if (log::level() <= level)
    log::write(level, "run",
               fmt::format("the {} of runtime measured for '{}' on {} are not remembered: {}",
                           format_bytes(figure.bytes), model, device, to_string(worth)));
}

std::string depth_key(const dry_run::DeviceView& device, const dry_run::DryRun& dry_run) {
  return plan::runtime_key(device, dry_run) + " at depth";
}

std::optional<Bytes> remembered(plan::Store* store, const std::string& key) {
  return store == nullptr ? std::nullopt : store->find_runtime(key);
}

}  // namespace

// What the memories grew by since before loading, less what the hook saw: the backends' own.
void Instance::measure_runtime(plan::Store* store) {
  const bool measured_completely = warm_up_.complete() && !warm_up_.repeated;
  if (measured_completely) keep_warm_up(store);
  for (const RuntimeGrowth::Figure& figure : runtime_growth_->measure()) {
    const auto view =
        std::ranges::find_if(devices_, [&](const dry_run::DeviceView& one) { return one.info.id == figure.memory.id; });
    const std::string context_key = plan::context_key(*view);
    if (store != nullptr && figure.context > Bytes{})
      store->keep_runtime(context_key, plan::PipelineCache::none, figure.context);
    const std::string key = plan::runtime_key(*view, plan_.dry_run);
    const std::string unconfirmed_key = key + " unconfirmed";
    const Bytes planned = planned_runtime(figure.memory.id);
    const auto context = figure.context > Bytes{} ? std::optional(figure.context) : remembered(store, context_key);
    const plan::Worth worth =
        plan::worth_of({.bytes = figure.bytes,
                        .plausible = plan::plausible_runtime(figure.memory, plan_.dry_run, planned),
                        .floor = plan::runtime_floor(figure.memory, context),
                        .had_context = figure.had_context,
                        .alone = figure.alone,
                        .unconfirmed = remembered(store, unconfirmed_key)});
    say(figure, worth, plan_.name, planned);
    // Before it is charged: where the budget has no capacity for it, the next plan must know.
    if (measured_completely && store != nullptr) {
      if (worth == plan::Worth::kept) store->keep_runtime(key, pipeline_cache_, figure.bytes);
      if (worth == plan::Worth::unconfirmed) store->keep_runtime(unconfirmed_key, pipeline_cache_, figure.bytes);
    }
    const auto [taken, reserved] = charge_of(figure, worth, planned, measured_completely);
    charge_runtime(figure.memory.id, taken, reserved);
  }
}

void Instance::charge_runtime(const device::DeviceId& device, Bytes taken, Bytes reserved) {
  const memory::Tag tag = runtime_tag(device);
  reservation_.resize(tag, reserved, memory::Reservation::Growth::is_taken);
  if (accounting_.ledger().take_what_is_there(tag, taken))
    runtime_.push_back({.device = device, .taken = taken, .reserved = reserved});
}

memory::Tag Instance::runtime_tag(const device::DeviceId& device) const {
  return {.device = device, .owner = plan_.name, .stage = memory::Stage::runtime, .buffer = device.name()};
}

void Instance::trim_runtime() {
  for (RuntimeShare& share : runtime_) {
    reservation_.resize(runtime_tag(share.device), share.taken, memory::Reservation::Growth::is_taken);
    share.reserved = share.taken;
  }
}

// Known is what every device that computes has been warmed for: what its backend took when the context was full is
// kept under a key of its own.
std::optional<EarlierWarmUp> Instance::earlier_warm_up(plan::Store* store) const {
  if (store == nullptr) return std::nullopt;
  EarlierWarmUp earlier;
  for (const dry_run::DeviceView& device : devices_) {
    const auto at_depth = store->find_runtime(depth_key(device, plan_.dry_run));
    if (!at_depth) return std::nullopt;
    if (*at_depth >= kQuiet) earlier.grew_at_depth = true;
  }
  return earlier;
}

void Instance::keep_warm_up(plan::Store* store) const {
  if (store == nullptr) return;
  for (const dry_run::DeviceView& device : devices_)
    store->keep_runtime(depth_key(device, plan_.dry_run), pipeline_cache_, warm_up_.depth_growth);
}

Bytes Instance::planned_runtime(const device::DeviceId& device) const {
  const auto planned = std::ranges::find_if(plan_.entries, [&](const plan::Entry& entry) {
    return entry.device == device && plan::is_backends_runtime(entry);
  });
  return planned == plan_.entries.end() ? Bytes{} : planned->bytes;
}

LedgerSnapshot Instance::snapshot() const {
  LedgerSnapshot entries;
  for (const memory::Entry& entry : accounting_.ledger().entries_of(plan_.name)) {
    if (entry.taken.current == Bytes{}) continue;
    const bool runtime = entry.tag.stage == memory::Stage::runtime;
    entries.push_back({.device = entry.tag.device,
                       .buffer = entry.tag.buffer,
                       .stage = entry.tag.stage,
                       .bytes = entry.taken.current,
                       .source = runtime ? plan::Source::measured : plan::Source::exact,
                       .charged = entry.charged});
  }
  return entries;
}

memory::SealCounts Instance::seal_counts() const {
  const memory::SealCounts now = accounting_.seal().counts(plan_.name);
  return {.allocations_after_seal = now.allocations_after_seal - counts_at_seal_.allocations_after_seal,
          .refused_after_seal = now.refused_after_seal - counts_at_seal_.refused_after_seal};
}

void Instance::mark_ready() {
  at_ready_ = meter_.read();
  reallocations_at_ready_ = context_->graph_counts().reallocations;
}

Bytes Instance::growth_after_ready() const { return device::growth(at_ready_, meter_.read()); }

std::int32_t Instance::graph_reallocations() const {
  return context_ ? context_->graph_counts().reallocations - reallocations_at_ready_ : 0;
}

}  // namespace plimsoll::run
