// RuntimeMemory: what models take beside their buffers, as far as this process has found out.
#pragma once
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "plan/store.hpp"
#include "run/instance.hpp"

#include "backend_accounting.hpp"
#include "loader_outcome.hpp"

namespace plimsoll::host {

// The Loader's: one thread. Made once the backends are started. What it is made of outlives it.
class RuntimeMemory {
 public:
  // `is_elsewhere`: see BackendAccounting.
  RuntimeMemory(
      run::MemoryAccounting& accounting, plan::Store& store, std::vector<plan::DeviceVerdict> devices,
      std::function<bool(const std::string& owner)> is_elsewhere = [](const std::string&) { return false; });

  // Warms it up and seals it. What this process has warmed before finds its pipelines compiled, and what it takes has
  // been measured. Where another of its shape and configuration was warmed here, nothing is reserved beyond what it
  // took. Throws as Instance::warm_up().
  void warm_up(run::Instance& instance, run::WarmUpDepth depth, const std::stop_token& stop);
  // They have gone, and computed on these devices: what backends keep of them is no model's any more, and their next
  // load finds it made.
  void note_gone(const std::vector<std::string>& names, const std::vector<device::DeviceId>& computed_on);
  // Whatever was made for it is made again.
  void forget(const std::string& name) { known_.erase(name); }

  // What each model is expected to take: what was reserved for it when this process had warmed it; else the least that
  // a model of the same shape and configuration was left with, which leaves it its pipelines; else what its plan says,
  // of which backends hold a part.
  [[nodiscard]] RuntimeFigures figures(const std::vector<plan::ModelPlan>& plans) const;

 private:
  struct Known {
    std::string key;  // of device, driver, engine, shape and configuration
    run::WarmUpReport report;
    run::Instance::Runtime runtime;  // what the model takes anew each time
  };
  [[nodiscard]] std::string key_of(const plan::ModelPlan& model) const;
  // Of the model, else of the one like it that takes least; null: neither was warmed here.
  [[nodiscard]] const Known* find(const plan::ModelPlan& model) const;

  plan::Store& store_;
  std::vector<plan::DeviceVerdict> devices_;
  BackendAccounting backends_;
  std::map<std::string, Known> known_;
  // Measured by a warm-up that did not see everything.
  std::map<std::pair<std::string, device::DeviceId>, Bytes> lower_bounds_;
};

}  // namespace plimsoll::host
