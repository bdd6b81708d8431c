// What a host keeps of the weights of models that go: see KeptModels.
#include <algorithm>

#include <plimsoll/base/log.hpp>
#include <plimsoll/host/fleet_plan.hpp>

#include "host_impl.hpp"

namespace plimsoll::host {

Bytes Host::Impl::needed_on_host(const std::string& model) const {
  if (model.empty()) return {};
  const std::lock_guard lock(mutex);
  for (const plan::DeviceVerdict& verdict : room.judge({model})) {
    if (verdict.state.info.id.is_host()) return verdict.required;
  }
  return {};
}

// Beside what the newcomer takes there, and what conversations may still be swapped out in.
bool Host::Impl::has_room_to_keep(Bytes copy, const std::string& whom_for) const {
  const Bytes wanted = copy + needed_on_host(whom_for) + saturating_sub(fleet.swap.memory, swap_space.held().in_memory);
  const memory::DeviceAccount account = accounting.ledger().account(device::host());
  if (account.budget && saturating_sub(*account.budget, account.committed) < wanted) return false;
  return std::ranges::all_of(readings(), [&](const plan::DeviceState& state) {
    return !state.info.id.is_host() || !state.reading.free || *state.reading.free >= wanted;
  });
}

void Host::Impl::keep_copy(const run::Instance& instance, const std::string& whom_for) {
  const std::string& name = instance.name();
  if (kept.copy_of(name)) return;  // of an earlier time: the weights are the same
  const Bytes size = tracker::size_when_kept(instance.uploaded());
  if (!kept.make_room(size)) return;
  while (!has_room_to_keep(size, whom_for)) {
    if (kept.give_way(size, name) == Bytes{}) return;
  }
  const Stopwatch watch;
  auto copy = tracker::KeptWeights::copy_of(instance.uploaded());
  if (!copy) return;
  log::info("host", "'{}': {} of its weights are kept in host memory ({:.1f} ms)", name, format_bytes(size),
            watch.elapsed_ms());
  kept.keep(name, {.copy = std::move(copy), .model = {}, .size = size});
}

// Weights of a plan that are the host's own, and would be laid out anew. They are in the accounting already.
void Host::Impl::keep_model(const run::Instance& instance) {
  const Bytes size = weights_to_keep(instance.plan()).model;
  if (size == Bytes{} || !kept.make_room(size)) return;
  kept.keep(instance.name(), {.copy = {}, .model = instance.model(), .size = size});
}

void Host::Impl::keep_weights(const Resident& resident, const std::string& whom_for) {
  if (!kept.is_on() || resident.has_failed() || !resident.is_intact()) return;
  for (const run::Instance* instance :
       {resident.instance.get(), resident.draft ? resident.draft->instance.get() : nullptr}) {
    if (instance == nullptr) continue;
    if (instance->uploaded().empty()) {
      keep_model(*instance);
    } else {
      keep_copy(*instance, whom_for);
    }
  }
}

// A model whose weights are here in one way or the other; else it loads them.
void Host::Impl::load_weights(run::Instance& instance) {
  const std::string& name = instance.name();
  if (const auto there = mapped.find(name); there != mapped.end()) return instance.take_over_model(there->second);
  if (auto model = kept.take_model(name); model && model->is_intact())
    return instance.take_over_model(std::move(model));
  auto copy = kept.copy_of(name);
  const bool from_copy = copy != nullptr;
  instance.load({}, ending.get_token(), std::move(copy));
  if (!from_copy || is_as_planned(name)) return;
  kept.forget(name);
  throw Error(ErrorCode::model_unusable,
              fmt::format("the file of '{}' was changed while it was loaded; ask for it again", name));
}

}  // namespace plimsoll::host
