// Outcome: what became of a load or an eviction, as a value.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "plan/plan.hpp"

#include "fleet_change.hpp"

namespace plimsoll::host {

struct Resident;

struct Loaded {
  std::string model;
  std::shared_ptr<Resident> resident;
  double ms = 0;  // reservation to ready
};
struct Failed {
  std::string model;
  Error why;               // cancelled: it was stopped
  bool by_others = false;  // another process was promised the memory meanwhile
};
// A file has changed: nothing was loaded, and who goes for the model is decided once more.
struct Replanned {
  std::string model;
  std::vector<plan::ModelPlan> plans;  // of the model, its draft, or both
};
struct Evicted {
  std::string model;
  std::string whom_for;                  // empty: for nobody
  double ms = 0;                         // from swapping conversations out until the devices were read
  std::optional<Successor> successor{};  // empty: it is still the model that it was
};
using Outcome = std::variant<Loaded, Failed, Replanned, Evicted>;

// What a model is expected to take on a device beside its buffers, once that is known better than its plan knew it.
struct ModelRuntime {
  std::string model;
  device::DeviceId device;
  plan::RuntimeFigure figure;
};
using RuntimeFigures = std::vector<ModelRuntime>;

}  // namespace plimsoll::host
