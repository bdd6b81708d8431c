// plimsoll place: which model of a cluster goes to which node and device.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/text_file.hpp"
#include "base/whole_file.hpp"
#include "dry_run/dry_run_process.hpp"
#include "host/cluster_planner.hpp"
#include "place/haproxy.hpp"
#include "place/kubernetes.hpp"
#include "place/placement_text.hpp"
#include "place/slurm.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "options.hpp"

namespace plimsoll::app {
namespace {

constexpr const char* kSlurm = "slurm";
constexpr const char* kHaproxy = "haproxy";
constexpr const char* kKubernetes = "kubernetes";

struct PlaceOptions {
  std::string cluster;
  std::string before;
  std::string folder;
  std::vector<std::string> render;

  [[nodiscard]] bool renders(const char* what) const { return std::ranges::contains(render, what); }
  // Then each replica has a server of its own, which takes of its node's memory something beside the plan.
  [[nodiscard]] bool has_server_of_each() const { return renders(kSlurm) || renders(kKubernetes); }
};

std::vector<place::Placed> placed_before(const std::string& path) {
  if (path.empty()) return {};
  try {
    return place::placed_of_json(read_text_file(path));
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("--before {}: {}", path, error.what()));
  }
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw Error(ErrorCode::io, fmt::format("'{}' cannot be made: {}", folder.string(), error.message()));
}

// One for each node with models; that of a node without any is removed, so that no old one is served.
void write_fleets(const host::ClusterFile& file, const place::Placement& placement,
                  const std::filesystem::path& folder) {
  make_folder(folder);
  for (const place::Node& node : file.cluster.nodes) {
    const std::filesystem::path path = folder / (node.name + ".toml");
    if (const std::string text = host::fleet_file_of(file, placement, node); !text.empty()) {
      write_whole_file(path.string(), text);
    } else {
      std::error_code is_not_there;
      std::filesystem::remove(path, is_not_there);
    }
  }
}

// Scripts of models that are gone are removed.
void write_rendered(const std::vector<place::RenderedFile>& files, const std::filesystem::path& folder) {
  make_folder(folder);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".sbatch" &&
        !std::ranges::contains(files, entry.path().filename().string(), &place::RenderedFile::name))
      std::filesystem::remove(entry.path());
  }
  for (const place::RenderedFile& file : files) {
    const std::filesystem::path path = folder / file.name;
    write_whole_file(path.string(), file.text);
    using std::filesystem::perms;
    if (file.is_program)
      std::filesystem::permissions(path, perms::owner_exec | perms::group_exec | perms::others_exec,
                                   std::filesystem::perm_options::add);
  }
}

void render(const PlaceOptions& options, const host::ClusterFile& file, const place::Placement& placement) {
  const place::ServedCluster served = host::served_cluster(file, placement);
  // All of them before the first is written: where one cannot be, none is.
  std::vector<std::pair<const char*, std::vector<place::RenderedFile>>> all;
  if (options.renders(kSlurm)) all.emplace_back(kSlurm, place::slurm_files(served));
  if (options.renders(kKubernetes)) all.emplace_back(kKubernetes, place::kubernetes_files(served));
  if (options.renders(kHaproxy) && placement.placed.empty()) {
    fmt::print(stderr, "plimsoll: no model has a place, so there is nothing for HAProxy to stand before\n");
  } else if (options.renders(kHaproxy)) {
    all.emplace_back(kHaproxy, place::haproxy_files(served, options.renders(kSlurm)        ? place::ServedBy::slurm
                                                            : options.renders(kKubernetes) ? place::ServedBy::kubernetes
                                                                                           : place::ServedBy::nodes));
  }
  if (options.renders(kSlurm)) {
    for (const std::string& sentence : place::waiting_for_cpus(served)) fmt::print(stderr, "plimsoll: {}\n", sentence);
  }
  for (const auto& [name, files] : all) write_rendered(files, std::filesystem::path(options.folder) / name);
}

// Of a host, by what serves it. Slurm counts its memory in whole mebibytes, so that more than their sum must be free.
Bytes with_server(const PlaceOptions& options, const host::ClusterFile& file, Bytes host) {
  if (options.has_server_of_each()) host += file.serving.beside;
  if (!options.renders(kSlurm)) return host;
  const std::uint64_t mebibytes = (host.value() + (1_MiB).value() - 1) / (1_MiB).value();
  return 1_MiB * mebibytes;
}

// The placement, and for what has no place in it what would make room.
place::Placement place_models(const PlaceOptions& options, host::ClusterFile& file,
                              const std::vector<place::Placed>& before, plan::Planner& planner) {
  for (place::Model& model : file.cluster.models) {
    for (place::Need& need : model.needs) need.host = with_server(options, file, need.host);
  }
  place::Placement placement = place::place(file.cluster, before);
  if (placement.missing.empty()) return placement;
  host::add_other_needs(file, placement, planner);
  for (place::Model& model : file.cluster.models) {
    for (place::OtherNeed& other : model.others) other.need.host = with_server(options, file, other.need.host);
  }
  return place::place(file.cluster, before);
}

int run(const GlobalOptions& global, const PlaceOptions& options) {
  host::ClusterFile file = host::read_cluster(options.cluster);
  if (options.renders(kSlurm) && options.renders(kKubernetes))
    throw Error(ErrorCode::usage, "--render: Slurm and Kubernetes both start the servers; choose one of them");
  const std::vector<place::Placed> before = placed_before(options.before);
  static dry_run::DryRunProcess& dry_runs = *new dry_run::DryRunProcess;  // as in `plan`: not waited for
  dry_runs.start();
  plan::Store store;
  plan::Planner planner(dry_runs, store);
  const auto unusable = host::plan_needs(file, planner);
  for (const auto& [name, why] : unusable) fmt::print(stderr, "plimsoll: '{}' cannot be used: {}\n", name, why.what());
  if (!unusable.empty()) return exit_status(unusable.front().second.code());
  const place::Placement placement = place_models(options, file, before, planner);
  if (!options.render.empty()) render(options, file, placement);
  if (!options.folder.empty() && !options.has_server_of_each()) write_fleets(file, placement, options.folder);
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
  CLI::Option* const folder =
      command->add_option("--write", options->folder, "Write NODE.toml there, the fleet file that each node serves")
          ->type_name("FOLDER");
  command
      ->add_option("--render", options->render,
                   "Write there what runs it: slurm, haproxy, kubernetes; with slurm or kubernetes each replica has a "
                   "server of its own, in the place of one for each node")
      ->type_name("NAME[,NAME]")
      ->delimiter(',')
      ->check(CLI::IsMember({kSlurm, kHaproxy, kKubernetes}))
      ->needs(folder);
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
