#include "ini_fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

#include "llama_server_flags.hpp"
#include "models_ini.hpp"
#include "served_fleet.hpp"

namespace plimsoll::app {
namespace {

// Of one model alone; the file says them.
const std::set<std::string> kOfOneModel{"--model", "--name", "--mmproj"};
// Of all models together; the command line says them.
const std::set<std::string> kOfTheFleet{"--budget", "--runtime"};

// `serve` as it would be for one section. What the environment says is the command line's.
struct SectionParser {
  SectionParser() {
    program.option_defaults()->take_last();
    serve = program.add_subcommand("serve", "");
    add_serve_options(*serve, options);
    for (CLI::Option* option : serve->get_options()) option->envname("");
  }
  SectionParser(const SectionParser&) = delete;
  SectionParser& operator=(const SectionParser&) = delete;

  void parse(const IniModel& section) {
    std::vector<std::string> arguments = with_long_names(arguments_of(section, *serve));
    arguments.insert(arguments.begin(), "serve");
    arguments.insert(arguments.end(), {"--name", section.name});
    std::vector<std::string> notes;
    arguments = without_llama_server_flags(std::move(arguments), program, notes);
    for (const std::string& note : notes) log::warn("server", "[{}]: {}", section.name, note);
    std::ranges::reverse(arguments);  // as the parser takes them
    program.parse(arguments);
    options.sampling_given = given_sampling(*serve);
  }

  ServeOptions options;
  CLI::App program;
  CLI::App* serve = nullptr;
};

void lay_over(ServeOptions& section, const ServeOptions& all) {
  for (const auto& [flag, values] : all.model.given) {
    if (!values.empty() && !kOfOneModel.contains(flag)) section.model.given[flag] = values;
  }
  for (const std::string& flag : kOfTheFleet) section.model.given[flag].clear();
  section.purpose.embeddings = section.purpose.embeddings || all.purpose.embeddings;
  section.purpose.ranking = section.purpose.ranking || all.purpose.ranking;
  if (!all.purpose.pooling.empty()) section.purpose.pooling = all.purpose.pooling;
  if (section.purpose.draft.model.empty()) section.purpose.draft = all.purpose.draft;
}

// The fleet of one section alone: its model, and the RPC servers.
host::Fleet fleet_of_section(const IniModel& section, const ServeOptions& all) {
  SectionParser own;
  own.parse(section);
  if (own.options.model.all("--model").size() != 1 || !own.options.sources.empty())
    throw Error(ErrorCode::usage, "it names no model, or several: model = FILE");
  lay_over(own.options, all);
  host::Fleet fleet = fleet_of_sources({}, own.options.model, own.options.purpose);
  give_settings(fleet, own.options);
  fleet.models.front().template_values = server_options(own.options).template_values;
  fleet.models.front().load_at_start = section.load_on_startup;
  return fleet;
}

void add_section(host::Fleet& fleet, const IniModel& section, const ServeOptions& all) try {
  host::Fleet own = fleet_of_section(section, all);
  fleet.rpc = std::move(own.rpc);
  std::ranges::move(own.models, std::back_inserter(fleet.models));
} catch (const std::exception& error) {  // the parser's are not ours
  throw Error(ErrorCode::usage, fmt::format("[{}]: {}", section.name, error.what()));
}

void add_folders(host::Fleet& fleet, const std::vector<std::string>& folders, const ServeOptions& options) {
  if (folders.empty()) return;
  host::Fleet others = fleet_of_sources(folders, options.model, options.purpose);
  for (host::FleetModel& model : others.models) {
    const auto same = [&](const host::FleetModel& one) { return one.request.name == model.request.name; };
    if (std::ranges::none_of(fleet.models, same)) fleet.models.push_back(std::move(model));
  }
}

}  // namespace

bool has_models_ini(const ServeOptions& options) {
  return std::ranges::any_of(options.sources, [](const std::string& source) { return is_models_ini(source); });
}

host::Fleet fleet_of_models_ini(const ServeOptions& options) {
  std::vector<std::string> folders = options.sources;
  const auto inis = std::ranges::stable_partition(folders, [](const auto& source) { return !is_models_ini(source); });
  const bool others = std::ranges::any_of(folders.begin(), inis.begin(),
                                          [](const auto& source) { return !std::filesystem::is_directory(source); });
  if (inis.size() != 1 || others || options.model.has("--model"))
    throw Error(ErrorCode::usage, "a file of models (.ini) goes with folders of models alone");
  const std::string ini = inis.front();
  folders.erase(inis.begin(), inis.end());
  host::Fleet fleet;
  plan::PlannerOptions planner = planner_options(options.model);
  fleet.budgets = std::move(planner.budgets);
  fleet.runtime = std::move(planner.runtime);
  fleet.prefault = !options.model.has("--no-prefault");
  for (const IniModel& section : read_models_ini(ini)) add_section(fleet, section, options);
  add_folders(fleet, folders, options);
  if (fleet.models.empty()) throw Error(ErrorCode::usage, fmt::format("'{}' has no model", ini));
  require_used_budgets(fleet.budgets, host::requests_of(fleet));
  host::settle_isolation(fleet);
  return fleet;
}

}  // namespace plimsoll::app
