// FleetChange: what the host's owners are told where its fleet becomes another one.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "host/dispatcher.hpp"
#include "host/fleet_difference.hpp"

namespace plimsoll::host {

// A model that is new, or is declared otherwise, with its plans: its own, then its draft's where it has one.
struct ModelChange {
  ModelRules rules;
  std::vector<plan::ModelPlan> plans;
  ConversationsKeep conversations = ConversationsKeep::memory;  // of those that it has already
  bool same_weights = false;                                    // what is kept of them is still of use

  [[nodiscard]] const std::string& name() const noexcept { return rules.name; }
  [[nodiscard]] std::optional<std::string> draft() const {
    return plans.size() > 1 ? std::optional(plans[1].name) : std::nullopt;
  }
};

struct FleetChange {
  std::vector<ModelChange> comes;  // in the place of the model of that name, where there is one
  std::vector<std::string> goes;
  std::vector<ModelRules> rules;           // of models that stay as they are
  std::vector<plan::DeviceState> devices;  // with the budgets from now on
  std::size_t most_models = 0;             // loaded at once from now on
};

// A model that has left its memory: what is in its place. Empty: nothing.
struct Successor {
  std::optional<ModelChange> model;
};

}  // namespace plimsoll::host
