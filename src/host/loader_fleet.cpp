// How the loader takes another fleet over.
#include <algorithm>
#include <utility>

#include "base/log.hpp"

#include "loader.hpp"

namespace plimsoll::host {

// What lies here of a model that is gone, and is none of the fleet any more, or another one under its name.
void Loader::forget(const std::string& model, const FleetModel& declared, const ModelChange* successor) {
  std::vector<std::string> names{model};
  if (declared.draft) names.push_back(declared.draft->request.name);
  for (const std::string& name : names) {
    std::erase_if(plans_, [&](const plan::ModelPlan& plan) { return plan.name == name; });
    runtimes_.forget(name);
    if (successor == nullptr || !successor->same_weights) weights_.forget(name);
    if (successor == nullptr) outer_.files.forget(name);
  }
  capacity_.exchange(model, {}, std::nullopt);
  if (successor == nullptr || successor->conversations == ConversationsKeep::nothing)
    outer_.conversations.forget_states_of(model);
  else if (successor->conversations == ConversationsKeep::tokens)
    outer_.conversations.keep_tokens_of(model);
}

void Loader::put_in_place(const ModelChange& model) {
  plans_.append_range(model.plans);
  capacity_.exchange(model.name(), model.plans, model.draft());
}

bool Loader::keeps_its_weights(const std::string& model) const {
  const auto leaving = leaving_.find(model);
  if (leaving == leaving_.end()) return true;
  const auto& successor = leaving->second.successor.model;
  return successor && successor->same_weights;
}

// Its memory has just been given back.
std::optional<Successor> Loader::succeed(const std::string& model) {
  const auto leaving = leaving_.find(model);
  if (leaving == leaving_.end()) return std::nullopt;
  Leaving gone = std::move(leaving->second);
  leaving_.erase(leaving);
  if (gone.successor.model) choose_groups(gone.successor.model->plans);
  forget(model, gone.declared, gone.successor.model ? &*gone.successor.model : nullptr);
  if (gone.successor.model) put_in_place(*gone.successor.model);
  log::info("host", "'{}' has left its memory, and {}", model,
            gone.successor.model ? "is from now on what the fleet says" : "is not a model of the fleet any more");
  return gone.successor;
}

void Loader::choose_groups(std::vector<plan::ModelPlan>& plans) {
  for (plan::ModelPlan& plan : plans) choose_group(plan);
}

void Loader::change_fleet(std::shared_ptr<const Fleet> fleet, FleetChange change) {
  successors_place_.reset();  // its compute group may become another one
  for (ModelChange& model : change.comes) choose_groups(model.plans);
  const std::set<std::string> held = outer_.queue.change_fleet(change);
  const std::shared_ptr<const Fleet> before = std::exchange(outer_.fleet, std::move(fleet));
  capacity_.set_devices(change.devices);
  const auto take_over = [&](const std::string& model, const ModelChange* successor) {
    const auto leaving = leaving_.find(model);
    const bool is_known =
        std::ranges::contains(before->models, model, [](const auto& one) { return one.request.name; });
    if (held.contains(model)) {
      const FleetModel as_loaded = leaving != leaving_.end() ? leaving->second.declared : model_of(*before, model);
      leaving_[model] = {.declared = as_loaded,
                         .successor = {successor != nullptr ? std::optional(*successor) : std::nullopt}};
      return;
    }
    if (is_known) forget(model, model_of(*before, model), successor);
    if (successor != nullptr) put_in_place(*successor);
  };
  for (const std::string& model : change.goes) take_over(model, nullptr);
  for (const ModelChange& model : change.comes) take_over(model.name(), &model);
  pass_on_runtimes();
}

}  // namespace plimsoll::host
