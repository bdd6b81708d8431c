#include "fleet_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include <plimsoll/base/error.hpp>
#include "host/fleet_file.hpp"
#include "run/embedder.hpp"
#include "run/reranker.hpp"

#include "model_file_names.hpp"
#include "rpc_options.hpp"

namespace plimsoll::app {
namespace {

// The demo models are small: several clients can try them at once.
void give_demo_models_slots(ModelOptions& options) {
  if (options.has("--ctx-size") || options.has("--parallel")) return;
  options.given["--parallel"] = {"4"};
  options.given["--ctx-size"] = {"4096"};
}

engine::Pooling pooling_of(const FleetPurpose& purpose) {
  if (purpose.ranking) return engine::Pooling::rank;
  if (purpose.pooling.empty()) return engine::Pooling::unspecified;
  const auto pooling = engine::pooling_from_string(purpose.pooling);
  if (!pooling)
    throw Error(ErrorCode::usage,
                fmt::format("--pooling does not know '{}'; it takes none, mean, cls, last or rank", purpose.pooling));
  return *pooling;
}

void give_purpose(host::Fleet& fleet, const FleetPurpose& purpose) {
  if (purpose.embeddings || purpose.ranking) {
    const engine::Pooling pooling = pooling_of(purpose);
    for (host::FleetModel& model : fleet.models) {
      if (pooling == engine::Pooling::rank)
        run::plan_for_ranking(model.request.dry_run);
      else
        run::plan_for_embeddings(model.request.dry_run, pooling);
    }
  } else if (!purpose.pooling.empty()) {
    throw Error(ErrorCode::usage, "--pooling goes with --embedding");
  }
  if (purpose.draft.model.empty()) return;
  if (fleet.models.size() != 1)
    throw Error(ErrorCode::usage, "--model-draft goes with one model; a fleet file gives each model its own");
  plan::Request& target = fleet.models.front().request;
  if (auto draft = draft_request(purpose.draft, target))
    fleet.models.front().draft = {.request = std::move(*draft), .speculation = speculation(purpose.draft)};
}

void give_rpc_servers(host::Fleet& fleet) {
  fleet.rpc = settle_rpc_servers(std::move(fleet.rpc), fleet.rpc_insecure);
  host::settle_isolation(fleet);
}

host::Fleet fleet_of_models(const std::vector<std::string>& sources, ModelOptions options,
                            const FleetPurpose& purpose) {
  bool at_start = true;
  std::map<std::string, std::string> names;  // of models that their folder names
  std::vector<std::string>& models = options.given["--model"];
  for (const std::string& source : sources) {
    if (std::filesystem::is_directory(source)) {
      at_start = false;
      for (const FoundModel& found : models_in(source)) {
        models.push_back(found.path);
        if (!found.name.empty()) names[found.path] = found.name;
      }
    } else {
      models.push_back(source);
    }
  }
  if (models.empty()) give_demo_models_slots(options);
  host::Fleet fleet;
  plan::PlannerOptions planner = planner_options(options);
  fleet.budgets = std::move(planner.budgets);
  fleet.runtime = std::move(planner.runtime);
  fleet.prefault = !options.has("--no-prefault");
  const std::string chosen = chat_template(options);
  for (plan::Request& request : requests(options, SIZE_MAX)) {
    request.compute_group = host::kDefaultGroup;
    if (const auto own = names.find(request.dry_run.model.path); own != names.end()) request.name = own->second;
    fleet.models.push_back(
        {.request = std::move(request), .load_at_start = at_start, .aliases = {}, .chat_template = chosen});
  }
  give_purpose(fleet, purpose);
  give_rpc_servers(fleet);
  require_used_budgets(fleet.budgets, host::requests_of(fleet));
  return fleet;
}

}  // namespace

host::Fleet fleet_of(const std::string& file, const ModelOptions& options) {
  if (!chat_template(options).empty())
    throw Error(ErrorCode::usage, "a fleet file gives each model its own chat-template");
  host::Fleet fleet = host::read_fleet(file);
  const plan::PlannerOptions planner = planner_options(options);
  fleet.budgets.insert(fleet.budgets.end(), planner.budgets.begin(), planner.budgets.end());
  fleet.runtime.insert(fleet.runtime.end(), planner.runtime.begin(), planner.runtime.end());
  if (options.has("--no-prefault")) fleet.prefault = false;
  give_rpc_servers(fleet);
  require_used_budgets(fleet.budgets, host::requests_of(fleet));
  return fleet;
}

bool is_fleet_file(const std::string& source) { return source.ends_with(".toml"); }

host::Fleet fleet_of_sources(const std::vector<std::string>& sources, const ModelOptions& options,
                             const FleetPurpose& purpose) {
  const bool fleet_file = std::ranges::any_of(sources, is_fleet_file);
  if (!fleet_file) return fleet_of_models(sources, options, purpose);
  if (sources.size() > 1 || options.has("--model"))
    throw Error(ErrorCode::usage, "a fleet file stands alone: its models are those it lists");
  if (purpose.embeddings || purpose.ranking || !purpose.draft.model.empty())
    throw Error(ErrorCode::usage, "a fleet file says for each model whether it embeds, ranks or has a draft");
  return fleet_of(sources.front(), options);
}

}  // namespace plimsoll::app
