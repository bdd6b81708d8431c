// How a model goes.
#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "base/log.hpp"

#include "loader.hpp"

namespace plimsoll::host {

// Its conversations are swapped out, and what it holds is given back.
void Loader::let_go_of(std::shared_ptr<Resident> resident, const std::string& whom_for, const std::stop_token& stop) {
  const Stopwatch watch;
  const std::string name = resident->name;
  const plan::ModelPlan& plan = capacity_.plan_of(name);
  if (resident->has_failed()) {  // whatever was made for it is made again
    runtimes_.forget(name);
    weights_.forget(name);
  }
  if (resident->model->has_conversations()) outer_.conversations.swap_out_all(*resident, stop);
  const bool goes_on_in_its_group = resident->member && !whom_for.empty() && !plan.compute_group.empty() &&
                                    capacity_.plan_of(whom_for).compute_group == plan.compute_group;
  if (goes_on_in_its_group && !successors_place_) successors_place_ = group_of(plan).join();
  if (keeps_its_weights(name)) weights_.keep(*resident, needed_on_host(whom_for));
  const double swap_ms = watch.elapsed_ms();
  resident.reset();
  log::info("host", "'{}': swapped out in {:.1f} ms, freed {:.1f} ms", name, swap_ms, watch.elapsed_ms() - swap_ms);
}

// The accelerators that these computed on.
std::vector<device::DeviceId> Loader::computed_on(const std::vector<std::string>& names) const {
  std::vector<device::DeviceId> out;
  for (const std::string& name : names) {
    const auto plan = std::ranges::find(plans_, name, &plan::ModelPlan::name);
    if (plan != plans_.end()) std::ranges::copy(plan::computing_devices(plan->dry_run), std::back_inserter(out));
  }
  return out;
}

// A step that throws is logged, and the next one is taken: the model goes in any case.
Outcome Loader::evict(const Evict& evict, std::shared_ptr<Resident> resident, const std::stop_token& stop) noexcept {
  const Stopwatch watch;
  const auto take = [&](const std::function<void()>& step) {
    try {
      step();
    } catch (...) {
      log::error("host", "a step of evicting '{}' failed: {}", evict.model, current_failure().what());
    }
  };
  take([&] { let_go_of(std::move(resident), evict.whom_for, stop); });
  trims_when_idle_ = true;
  take([&] {
    const std::vector<std::string> gone = with_draft(evict.model);
    runtimes_.note_gone(gone, computed_on(gone));
    pass_on_runtimes();
  });
  std::optional<Successor> successor;
  take([&] { successor = succeed(evict.model); });
  return Evicted{
      .model = evict.model, .whom_for = evict.whom_for, .ms = watch.elapsed_ms(), .successor = std::move(successor)};
}

}  // namespace plimsoll::host
