#include "fleet_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include <plimsoll/base/error.hpp>
#include "host/fleet_file.hpp"

namespace plimsoll::app {
namespace {

// Of a model in several files the first stands for all; projectors are no models.
bool is_a_model(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (path.extension() != ".gguf" || name.starts_with("mmproj")) return false;
  const std::size_t of = name.rfind("-of-");
  return of == std::string::npos || of < 5 || name.substr(of - 5, 5) == "00001";
}

std::vector<std::string> models_in(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file() && is_a_model(entry.path())) found.push_back(entry.path().string());
  }
  std::ranges::sort(found);
  if (found.empty()) throw Error(ErrorCode::usage, fmt::format("the folder '{}' has no model (*.gguf)", folder));
  return found;
}

// The demo models are small: several clients can try them at once.
void give_demo_models_slots(ModelOptions& options) {
  if (options.has("--ctx-size") || options.has("--parallel")) return;
  options.given["--parallel"] = {"4"};
  options.given["--ctx-size"] = {"4096"};
}

host::Fleet fleet_of_models(const std::vector<std::string>& sources, ModelOptions options) {
  bool at_start = true;
  std::vector<std::string>& models = options.given["--model"];
  for (const std::string& source : sources) {
    if (std::filesystem::is_directory(source)) {
      at_start = false;
      std::ranges::copy(models_in(source), std::back_inserter(models));
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
  for (plan::Request& request : requests(options, SIZE_MAX)) {
    request.compute_group = host::kDefaultGroup;
    fleet.models.push_back({.request = std::move(request), .load_at_start = at_start});
  }
  require_used_budgets(fleet.budgets, host::requests_of(fleet));
  return fleet;
}

}  // namespace

host::Fleet fleet_of(const std::string& file, const ModelOptions& options) {
  host::Fleet fleet = host::read_fleet(file);
  const plan::PlannerOptions planner = planner_options(options);
  fleet.budgets.insert(fleet.budgets.end(), planner.budgets.begin(), planner.budgets.end());
  fleet.runtime.insert(fleet.runtime.end(), planner.runtime.begin(), planner.runtime.end());
  if (options.has("--no-prefault")) fleet.prefault = false;
  require_used_budgets(fleet.budgets, host::requests_of(fleet));
  return fleet;
}

host::Fleet fleet_of_sources(const std::vector<std::string>& sources, const ModelOptions& options) {
  const bool fleet_file = std::ranges::any_of(sources, [](const std::string& s) { return s.ends_with(".toml"); });
  if (!fleet_file) return fleet_of_models(sources, options);
  if (sources.size() > 1 || options.has("--model"))
    throw Error(ErrorCode::usage, "a fleet file stands alone: its models are those it lists");
  return fleet_of(sources.front(), options);
}

}  // namespace plimsoll::app
