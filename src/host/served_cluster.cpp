#include <algorithm>
#include <filesystem>

#include "host/cluster_file.hpp"

namespace plimsoll::host {
namespace {

std::vector<std::string> other_names(const FleetModel& model) {
  std::vector<std::string> out = model.aliases;
  for (const Preset& preset : model.presets) {
    out.push_back(preset.name);
    out.insert(out.end(), preset.aliases.begin(), preset.aliases.end());
  }
  return out;
}

std::vector<std::string> folders_of(const FleetModel& model) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& path) {
    if (path.empty()) return;
    const std::string folder = std::filesystem::absolute(path).lexically_normal().parent_path().string();
    if (!std::ranges::contains(out, folder)) out.push_back(folder);
  };
  const auto add_files = [&](const dry_run::DryRunRequest& request) {
    add(request.model.path);
    add(request.projector.path);
    for (const auto& adapter : request.adapters) add(adapter.path);
    for (const auto& file : request.control_vector.files) add(file.path);
  };
  add_files(model.request.dry_run);
  if (model.draft) add_files(model.draft->request.dry_run);
  return out;
}

}  // namespace

place::ServedCluster served_cluster(const ClusterFile& file, const place::Placement& placement) {
  place::ServedCluster out{.cluster = file.cluster, .placement = placement, .serving = file.serving};
  for (const ClusterModel& one : file.models) {
    const auto& context = one.model.request.dry_run.context;
    out.models.push_back({.names = other_names(one.model),
                          .slots = std::max(1U, context.n_seq_max),
                          .threads = static_cast<std::uint32_t>(std::max(1, context.n_threads)),
                          .folders = folders_of(one.model)});
  }
  for (const place::Placed& replica : placement.placed) out.fleets.push_back(fleet_file_of(file, replica));
  return out;
}

}  // namespace plimsoll::host
