#include "weight_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "host/fleet_plan.hpp"

namespace plimsoll::host {
namespace {

// Nothing of its weights is counted against a budget.
bool is_page_cache(const plan::ModelPlan& plan) {
  return std::ranges::none_of(plan.entries, [](const plan::Entry& entry) {
    return entry.charged && (entry.stage == memory::Stage::weights || entry.stage == memory::Stage::adapter ||
                             entry.stage == memory::Stage::projector);
  });
}

}  // namespace

// Beside what the newcomer takes there, and what conversations may still be swapped out in.
bool WeightKeeper::fits_in_host_memory(Bytes copy, Bytes newcomer) const {
  const Bytes wanted = copy + newcomer + swap_space_.free_memory();
  const memory::DeviceAccount account = accounting_.ledger().account(device::host());
  if (account.budget && saturating_sub(*account.budget, account.committed) < wanted) return false;
  return std::ranges::all_of(devices_.readings(), [&](const plan::DeviceState& state) {
    return !state.info.id.is_host() || !state.reading.free || *state.reading.free >= wanted;
  });
}

void WeightKeeper::keep_copy(const run::Instance& instance, Bytes newcomer) {
  const std::string& name = instance.name();
  if (kept_.copy_of(name)) return;  // of an earlier time: the weights are the same
  const Bytes size = tracker::size_when_kept(instance.uploaded());
  if (!kept_.make_room(size)) return;
  while (!fits_in_host_memory(size, newcomer)) {
    if (kept_.give_way(size, name) == Bytes{}) return;
  }
  const Stopwatch watch;
  auto copy = tracker::KeptWeights::copy_of(instance.uploaded());
  if (!copy) return;
  log::info("host", "'{}': {} of its weights are kept in host memory ({:.1f} ms)", name, format_bytes(size),
            watch.elapsed_ms());
  kept_.keep(name, {.copy = std::move(copy), .model = {}, .size = size});
}

// Weights of a plan that are the host's own, and would be laid out anew. They are in the accounting already.
void WeightKeeper::keep_model(const run::Instance& instance) {
  const Bytes size = weights_to_keep(instance.plan()).model;
  if (size == Bytes{} || !kept_.make_room(size)) return;
  kept_.keep(instance.name(), {.copy = {}, .model = instance.model(), .size = size});
}

void WeightKeeper::keep(const Resident& resident, Bytes newcomer) {
  if (!kept_.is_on() || resident.has_failed() || !resident.is_intact()) return;
  for (const run::Instance* instance :
       {resident.model->instance(), resident.draft ? resident.draft->model->instance() : nullptr}) {
    if (instance == nullptr) continue;
    if (instance->uploaded().empty()) {
      keep_model(*instance);
    } else {
      keep_copy(*instance, newcomer);
    }
  }
}

void WeightKeeper::keep_mapped(const run::Instance& instance) {
  if (is_page_cache(instance.plan())) mapped_.keep(instance.name(), instance.model());
}

void WeightKeeper::load(run::Instance& instance, const std::stop_token& stop) {
  const std::string& name = instance.name();
  if (auto there = mapped_.find(name)) return instance.take_over_model(std::move(there));
  if (auto model = kept_.take_model(name); model && model->is_intact())
    return instance.take_over_model(std::move(model));
  auto copy = kept_.copy_of(name);
  const bool from_copy = copy != nullptr;
  instance.load({}, stop, std::move(copy));
  if (!from_copy || files_.are_as_planned(name)) return;
  kept_.forget(name);
  throw Error(ErrorCode::model_unusable,
              fmt::format("the file of '{}' was changed while it was loaded; ask for it again", name));
}

void WeightKeeper::forget(const std::string& name) {
  mapped_.forget(name);
  kept_.forget(name);
}

void WeightKeeper::forget_mapped_where_changed(const std::string& name) {
  const auto there = mapped_.find(name);
  if (there && (!there->is_intact() || there->is_replaced())) mapped_.forget(name);
}

std::shared_ptr<const engine::Model> WeightKeeper::mapped(const std::string& name) const {
  auto there = mapped_.find(name);
  return there && there->is_intact() && !there->is_replaced() ? std::move(there) : nullptr;
}

}  // namespace plimsoll::host
