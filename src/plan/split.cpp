#include "split.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace plimsoll::plan {
namespace {

using device::DeviceType;

// Shares are whole parts of this many, so that a few MiB more or less free give the same request, which the store
// knows.
constexpr double kParts = 256;

bool same_card(const DeviceState& one, const DeviceState& other) {
  return one.info.pci_id && one.info.pci_id == other.info.pci_id;
}

// As the engine chooses where nothing is asked for: those of other machines first, then every card once (two backends
// may offer the same one), integrated ones only where there is nothing else.
std::vector<const DeviceState*> chosen_by_the_engine(const std::vector<DeviceState>& devices) {
  std::vector<const DeviceState*> chosen;
  const auto add = [&](auto wanted) {
    for (const DeviceState& state : devices) {
      const bool known = std::ranges::any_of(chosen, [&](const DeviceState* one) { return same_card(*one, state); });
      if (wanted(state.info) && !known) chosen.push_back(&state);
    }
  };
  add([](const device::DeviceInfo& info) { return info.type == DeviceType::gpu && info.backend == "RPC"; });
  add([](const device::DeviceInfo& info) { return info.type == DeviceType::gpu && info.backend != "RPC"; });
  if (chosen.empty()) add([](const device::DeviceInfo& info) { return info.type == DeviceType::integrated_gpu; });
  return chosen;
}

std::vector<const DeviceState*> asked_for(const engine::ModelParams& params, const std::vector<DeviceState>& devices) {
  if (params.devices.empty()) return chosen_by_the_engine(devices);
  std::vector<const DeviceState*> asked;
  for (const std::string& name : params.devices) {
    const auto found = std::ranges::find(devices, name, [](const DeviceState& state) { return state.info.id.name(); });
    if (found != devices.end()) asked.push_back(&*found);
  }
  return asked;
}

std::vector<float> shares_of(const std::vector<const DeviceState*>& devices) {
  std::vector<double> capacities;
  // Nothing known of a device: it is taken to have nothing, unless nothing is known of any.
  for (const DeviceState* state : devices) {
    // Two names of one card have its capacity between them.
    const auto names =
        std::ranges::count(devices, state->info.memory(),
                           [](const DeviceState* one) -> const device::DeviceId& { return one->info.memory(); });
    capacities.push_back(static_cast<double>(free_capacity(*state).value()) / static_cast<double>(names));
  }
  double sum = std::accumulate(capacities.begin(), capacities.end(), 0.0);
  if (sum == 0) {
    std::ranges::fill(capacities, 1.0);
    sum = static_cast<double>(capacities.size());
  }
  std::vector<float> shares;
  for (const double capacity : capacities) shares.push_back(static_cast<float>(std::round(capacity / sum * kParts)));
  return shares;
}

}  // namespace

Bytes free_capacity(const DeviceState& state) {
  const auto free = state.reading.free ? state.reading.free : state.reading.total;
  if (!free) return {};
  return state.budget ? std::min(*free, saturating_sub(state.budget->bytes, state.ours)) : *free;
}

std::vector<std::string> cards_to_choose_from(const engine::ModelParams& params,
                                              const std::vector<DeviceState>& devices) {
  const bool open = params.split_mode == engine::SplitMode::layer && params.gpu_layers != 0 && params.devices.empty() &&
                    params.tensor_split.empty();
  std::vector<std::string> names;
  if (!open) return names;
  for (const DeviceState* state : chosen_by_the_engine(devices)) names.push_back(state->info.id.name());
  if (names.size() < 2) names.clear();
  return names;
}

engine::ModelParams with_fixed_split(engine::ModelParams params, const std::vector<DeviceState>& devices) {
  const bool splits = params.split_mode == engine::SplitMode::layer || params.split_mode == engine::SplitMode::row;
  if (!splits || params.gpu_layers == 0 || !params.tensor_split.empty()) return params;
  const std::vector<const DeviceState*> used = asked_for(params, devices);
  if (used.size() < 2) return params;
  const std::vector<float> shares = shares_of(used);
  params.devices.clear();
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (shares[i] == 0) continue;
    params.devices.push_back(used[i]->info.id.name());
    params.tensor_split.push_back(shares[i]);
  }
  if (params.devices.size() == 1) params.tensor_split.clear();
  return params;
}

}  // namespace plimsoll::plan
