#include "search.hpp"

#include <algorithm>
#include <optional>
#include <ranges>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "options/table.hpp"
#include "plan/alternatives.hpp"

namespace plimsoll::plan {
namespace {

constexpr int kMostTried = 64;    // alternatives
constexpr int kMostDryRun = 128;  // of all models; tens of milliseconds each

// What stays as it is while configurations are tried.
struct Surroundings {
  const std::vector<ModelPlan>& beside;
  const std::vector<DeviceState>& states;

  [[nodiscard]] std::vector<DeviceVerdict> judge(std::vector<ModelPlan> models) const {
    models.insert(models.end(), beside.begin(), beside.end());
    return admit(models, states);
  }
  [[nodiscard]] bool hold(const std::vector<ModelPlan>& models) const { return all_fit(judge(models)); }
};

// The second gives up all that the first does, or more: it is not worth offering beside it.
bool gives_up_no_less(const Candidate& candidate, const Alternative& alternative) {
  return std::ranges::all_of(alternative.changes, [&](const Change& given_up) {
    return std::ranges::contains(candidate.changes, given_up.param, &Change::param);
  });
}

// The model whose own candidates are tried for all: the one that takes most where too much is wanted.
const ModelPlan& heaviest(const std::vector<ModelPlan>& models, const std::vector<DeviceVerdict>& verdicts) {
  return *std::ranges::max_element(models, {}, [&](const ModelPlan& model) {
    Bytes sum;
    for (const DeviceVerdict& verdict : verdicts) {
      if (!verdict.fits()) sum += required_on(verdict.state.info.id, {model});
    }
    return sum;
  });
}

// What goes from one value to another in `from` and `to` goes there in the other model, too, where it had the first.
dry_run::DryRunRequest same_steps(dry_run::DryRunRequest other, const dry_run::DryRunRequest& from,
                                  const dry_run::DryRunRequest& to) {
  options::follow(other.context, from.context, to.context);
  options::follow(other.model, from.model, to.model);
  return other;
}

// What a cache's size follows from. Only the batches are left out: they decide how many cells a sliding window has, and
// nothing of other caches.
engine::ContextParams cache_of(engine::ContextParams context) {
  context.n_batch = context.n_ubatch = 0;
  return context;
}

// The weights of one kind of load alone are too much, or they and their caches: nothing that leaves them as they are
// can help.
class TooHeavy {
 public:
  explicit TooHeavy(const Surroundings& surroundings) : surroundings_(surroundings) {}

  void look_at(std::vector<ModelPlan> models) {
    const auto keep = [&](auto... stages) {
      for (ModelPlan& model : models)
        std::erase_if(model.entries, [&](const Entry& entry) { return ((entry.stage != stages) && ...); });
    };
    keep(memory::Stage::weights, memory::Stage::kv_cache);
    if (surroundings_.hold(models)) return;
    const bool any_windows = std::ranges::any_of(
        models, [](const ModelPlan& model) { return model.dry_run.model.n_swa > 0 || model.dry_run.model.is_hybrid; });
    Known known{.loads = {}, .caches = {}};
    for (const ModelPlan& model : models) {
      known.loads.push_back(model.request.model);
      known.caches.push_back(cache_of(model.request.context));
    }
    keep(memory::Stage::weights);
    if (!surroundings_.hold(models)) known.caches.clear();
    if (known.caches.empty() || !any_windows) known_.push_back(std::move(known));
  }
  // Of the first models, as many as were looked at.
  [[nodiscard]] bool knows(const std::vector<Request>& requests) const {
    return std::ranges::any_of(known_, [&](const Known& known) {
      const auto first = requests | std::views::take(known.loads.size());
      const auto load = [](const Request& request) -> const auto& { return request.dry_run.model; };
      const auto cache = [](const Request& request) { return cache_of(request.dry_run.context); };
      return std::ranges::equal(known.loads, first, {}, {}, load) &&
             (known.caches.empty() || std::ranges::equal(known.caches, first, {}, {}, cache));
    });
  }

 private:
  struct Known {
    std::vector<engine::ModelParams> loads;
    std::vector<engine::ContextParams> caches;  // none: the weights alone are too much
  };

  const Surroundings& surroundings_;
  std::vector<Known> known_;
};

class Search {
 public:
  Search(const std::vector<ModelPlan>& refused, const Surroundings& surroundings, const PlanModel& plan_model,
         const GoOn& go_on)
      : refused_(refused),
        surroundings_(surroundings),
        plan_model_(plan_model),
        go_on_(go_on),
        too_heavy_(surroundings) {
    too_heavy_.look_at(refused);
  }

  [[nodiscard]] std::vector<Alternative> nearest(std::size_t most) {
    const auto verdicts = surroundings_.judge(refused_);
    const ModelPlan& leader = heaviest(refused_, verdicts);
    const bool accelerator_is_over = std::ranges::any_of(
        verdicts, [](const DeviceVerdict& verdict) { return !verdict.fits() && !verdict.state.info.id.is_host(); });
    std::vector<Alternative> found;
    int tried = 0;
    for (const Candidate& candidate : candidates(leader.request, leader.dry_run, accelerator_is_over)) {
      if (found.size() >= most || tried >= kMostTried || dry_run_ >= kMostDryRun) break;
      const std::vector<Request> requests = all_on(candidate, leader);
      if (too_heavy_.knows(requests) || moves_anothers_weights(requests)) continue;
      if (std::ranges::any_of(found, [&](const Alternative& other) { return gives_up_no_less(candidate, other); }))
        continue;
      if (go_on_ && !go_on_(tried)) break;
      ++tried;
      if (auto alternative = try_these(candidate, requests)) found.push_back(std::move(*alternative));
    }
    return found;
  }

 private:
  [[nodiscard]] std::vector<Request> all_on(const Candidate& candidate, const ModelPlan& leader) const {
    std::vector<Request> requests;
    for (const ModelPlan& model : refused_)
      requests.push_back({.name = model.name,
                          .dry_run = same_steps(model.request, leader.request, candidate.request),
                          .compute_group = model.compute_group,
                          .weights_of = model.weights_of});
    return requests;
  }

  // The weights that it computes with lie where they are: only a plan of both could have them elsewhere.
  [[nodiscard]] bool moves_anothers_weights(const std::vector<Request>& requests) const {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const std::string& whose = requests[i].weights_of;
      if (!whose.empty() && !std::ranges::contains(refused_, whose, &ModelPlan::name) &&
          requests[i].dry_run.model != refused_[i].request.model)
        return true;
    }
    return false;
  }

  // Model after model: where the first ones are too much already, no dry run is made of the others.
  [[nodiscard]] std::optional<Alternative> try_these(const Candidate& candidate, const std::vector<Request>& requests) {
    std::vector<ModelPlan> models;
    try {
      for (const Request& request : requests) {
        ++dry_run_;
        models.push_back(plan_model_(request));
        if (surroundings_.hold(models)) continue;
        too_heavy_.look_at(std::move(models));
        return std::nullopt;
      }
    } catch (const Error& error) {  // a model cannot be had that way (a cache type it refuses): the next alternative
      log::debug("plan", "an alternative is impossible: {}", error.what());
      return std::nullopt;
    }
    Alternative alternative{
        .flags = candidate.flags, .changes = candidate.changes, .cost = candidate.cost, .requests = {}, .required = {}};
    for (const Request& request : requests) alternative.requests.push_back(request.dry_run);
    for (const DeviceVerdict& verdict : one_of_each_memory(surroundings_.judge(models))) {
      if (verdict.required > Bytes{}) alternative.required.emplace_back(verdict.state.info.id, verdict.required);
    }
    return alternative;
  }

  const std::vector<ModelPlan>& refused_;
  const Surroundings& surroundings_;
  const PlanModel& plan_model_;
  const GoOn& go_on_;
  TooHeavy too_heavy_;
  int dry_run_ = 0;
};

}  // namespace

std::vector<Alternative> search(const std::vector<ModelPlan>& refused, const std::vector<ModelPlan>& beside,
                                const std::vector<DeviceState>& states, std::size_t most, const PlanModel& plan_model,
                                const GoOn& go_on) {
  const Surroundings surroundings{.beside = beside, .states = states};
  return Search(refused, surroundings, plan_model, go_on).nearest(most);
}

}  // namespace plimsoll::plan
