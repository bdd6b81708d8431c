// fleet_plan: what a fleet comes to: which of its models fit together, and who goes when another one is wanted. Pure.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "host/fleet.hpp"
#include "host/free_capacity.hpp"
#include "host/template_remarks.hpp"
#include "tracker/tracker.hpp"

namespace plimsoll::host {

// Ready: these models. Wanted: another. Then these go, or it is refused.
struct Switch {
  std::vector<std::string> ready;
  std::string wanted;
  std::vector<std::string> evicted;
  bool refused = false;  // pinned models are in the way
};

// Not even alone.
struct NeverFits {
  std::string name;
  std::string why;
  std::vector<plan::Alternative> alternatives{};  // of this model and its draft, where somebody searched for them
};

// Its file is missing, damaged or unknown, or it is asked for in a way that it cannot be had.
struct CannotBeUsed {
  std::string name;
  Error why;
};

// What keeping a model's weights in host memory would take there, and so would not be read from its file again: a copy
// of those on accelerators, else the model itself where its weights are the host's own. Both 0: nothing is kept,
// since they stay mapped anyhow, or since the engine copies them itself (see tracker::Uploads).
struct WeightsToKeep {
  Bytes copy;
  Bytes model;
};
[[nodiscard]] WeightsToKeep weights_to_keep(const plan::ModelPlan& plan);

// Of one model and its draft.
struct Keeping {
  std::string name;
  Bytes bytes;
  bool within_budget = false;  // alone; the longest unused leave for others
};

// A preset: another name for a model's own bytes.
struct PresetOfModel {
  std::string name;
  std::string model;
};

struct FleetPlan {
  FreeCapacity capacity;                           // plans, budgets and readings
  std::vector<std::vector<std::string>> together;  // largest sets that fit, each as it is in the fleet's order
  bool too_many = false;                           // sets to list them
  std::vector<Switch> switches;                    // from each of those to each model that is not in it
  std::vector<NeverFits> never;
  std::vector<CannotBeUsed> unusable{};
  std::vector<std::string> explanation;     // how each number came about, where a planner made them
  std::vector<PresetOfModel> presets{};     // names that cost nothing
  std::vector<TemplateRemark> templates{};  // where a planner looked at them
  Bytes keep_in_host{};                     // the fleet's budget
  std::vector<Keeping> keeping{};           // where there is one: each model that would be kept when it goes
  [[nodiscard]] bool all_fit() const;       // all at once
  [[nodiscard]] bool has_all() const;       // each of them can be had at some time
};

// Beyond this many models the sets are not listed, since there are too many of them.
inline constexpr std::size_t kMostListed = 10;

// Everybody is taken to be idle and equally long so; reloading costs by the weights' size.
[[nodiscard]] FleetPlan plan_fleet(const Fleet& fleet, FreeCapacity capacity);

// Throws why the first one cannot be used, where none can.
void require_a_usable_one(const Fleet& fleet, const FreeCapacity& capacity);

[[nodiscard]] std::string to_table(const FleetPlan& plan);
// What it changes, as keys of a fleet file: "ubatch-size = 64, gpu-layers = 40".
[[nodiscard]] std::string keys_of(const plan::Alternative& alternative);
// "plimsoll.fleet/1": models as in plimsoll.plan/1; devices are judged on all models at once.
[[nodiscard]] nlohmann::ordered_json to_json(const FleetPlan& plan, tracker::Mode tracker);

}  // namespace plimsoll::host
