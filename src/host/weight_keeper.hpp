// WeightKeeper: where the weights of a model that is loaded come from, and what of them is kept when it goes.
#pragma once
#include <memory>
#include <stop_token>
#include <string>

#include "fleet_devices.hpp"
#include "kept_models.hpp"
#include "mapped_models.hpp"
#include "model_files.hpp"
#include "resident.hpp"

namespace plimsoll::host {

// The Loader's: one thread. What it is made of outlives it.
class WeightKeeper {
 public:
  WeightKeeper(run::MemoryAccounting& accounting, const FleetDevices& devices, const ModelFiles& files,
               KeptModels& kept, const SwapSpace& swap_space)
      : accounting_(accounting), devices_(devices), files_(files), kept_(kept), swap_space_(swap_space) {}

  // From the mapped file, from what was kept, or else from its file. Throws as Instance::load(), and
  // Error{model_unusable} where the file was changed meanwhile.
  void load(run::Instance& instance, const std::stop_token& stop);
  // It is loaded: where nothing of its weights is charged, they stay mapped for its next load.
  void keep_mapped(const run::Instance& instance);
  // It goes, for a newcomer that needs that much of the host's memory.
  void keep(const Resident& resident, Bytes newcomer);

  void forget(const std::string& name);  // what of it lies here is of no use any more
  void forget_mapped_where_changed(const std::string& name);
  void clear() { mapped_.clear(); }
  // See Host::mapped_model(). Any thread.
  [[nodiscard]] std::shared_ptr<const engine::Model> mapped(const std::string& name) const;

 private:
  void keep_copy(const run::Instance& instance, Bytes newcomer);
  void keep_model(const run::Instance& instance);
  [[nodiscard]] bool fits_in_host_memory(Bytes copy, Bytes newcomer) const;

  run::MemoryAccounting& accounting_;
  const FleetDevices& devices_;
  const ModelFiles& files_;
  KeptModels& kept_;
  const SwapSpace& swap_space_;
  MappedModels mapped_;
};

}  // namespace plimsoll::host
