// plimsoll place: which model of a cluster goes to which node and device.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/text_file.hpp"
#include "base/whole_file.hpp"
#include "dry_run/dry_run_process.hpp"
#include "host/cluster_planner.hpp"
#include "place/placement_text.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "options.hpp"

namespace plimsoll::app {
namespace {

struct PlaceOptions {
  std::string cluster;
  std::string before;
  std::string folder;
};

std::vector<place::Placed> placed_before(const std::string& path) {
  if (path.empty()) return {};
  try {
    return place::placed_of_json(read_text_file(path));
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("--before {}: {}", path, error.what()));
  }
}

// One for each node with models; that of a node without any is removed, so that no old one is served.
void write_fleets(const host::ClusterFile& file, const place::Placement& placement,
                  const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw Error(ErrorCode::io, fmt::format("'{}' cannot be made: {}", folder.string(), error.message()));
  for (const place::Node& node : file.cluster.nodes) {
    const std::filesystem::path path = folder / (node.name + ".toml");
    if (const std::string text = host::fleet_file_of(file, placement, node); !text.empty()) {
      write_whole_file(path.string(), text);
    } else {
      std::filesystem::remove(path, error);
    }
  }
}

int run(const GlobalOptions& global, const PlaceOptions& options) {
  host::ClusterFile file = host::read_cluster(options.cluster);
  const std::vector<place::Placed> before = placed_before(options.before);
  static dry_run::DryRunProcess& dry_runs = *new dry_run::DryRunProcess;  // as in `plan`: not waited for
  dry_runs.start();
  plan::Store store;
  plan::Planner planner(dry_runs, store);
  const auto unusable = host::plan_needs(file, planner);
  for (const auto& [name, why] : unusable) fmt::print(stderr, "plimsoll: '{}' cannot be used: {}\n", name, why.what());
  if (!unusable.empty()) return exit_status(unusable.front().second.code());
  place::Placement placement = place::place(file.cluster, before);
  if (!placement.missing.empty()) {
    host::add_other_needs(file, placement, planner);
    placement = place::place(file.cluster, before);
  }
  if (!options.folder.empty()) write_fleets(file, placement, options.folder);
  if (global.json) {
    fmt::print("{}\n", place::to_json(file.cluster, placement).dump(2));
  } else {
    fmt::print("{}", place::to_table(file.cluster, placement));
  }
  if (placement.missing.empty()) return done;
  fmt::print(stderr, "plimsoll: not every model has a place\n");
  return refused;
}

}  // namespace

void add_place(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command =
      app.add_subcommand("place", "Which model of a cluster goes to which node and device, by exact bytes");
  auto options = std::make_shared<PlaceOptions>();
  command->add_option("cluster", options->cluster, "Cluster file (TOML): kinds of devices, nodes and models")
      ->required();
  command
      ->add_option(
          "--before", options->before,
          "Where models are now, as --json wrote it: they stay where they can, and as few bytes move as possible")
      ->type_name("FILE");
  command->add_option("--write", options->folder, "Write NODE.toml there, the fleet file that each node serves")
      ->type_name("FOLDER");
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
