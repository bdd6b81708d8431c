#include "place/slurm.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "serving_names.hpp"
#include "shell.hpp"

namespace plimsoll::place {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

constexpr const char* kNodesHead = R"(# Written by `plimsoll place`. In slurm.conf:
#   Include FOLDER/nodes.conf
#   GresTypes=vram
#   SelectType=select/cons_tres
#   SelectTypeParameters=CR_Core_Memory
)";

constexpr const char* kGresHead =
    R"(# Written by `plimsoll place`, to stand beside slurm.conf: bytes of devices, by kind and name.
)";

constexpr const char* kSubmitHead = R"sh(#!/bin/bash
# Written by `plimsoll place`: every replica of the placement has a job afterwards, and no other has one. A job that runs
# what it should is let alone, wherever Slurm has put it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
order=()
declare -A script=() node=() exclude=() job=()
# want WHAT/REPLICA SCRIPT NODE [EXCLUDED]: what it is made of, the node that it is to have where that is free, and those
# that it must not.
want() {
  order+=("$1")
  script[$1]=$2 node[$1]=$3 exclude[$1]=${4-}
}
)sh";

constexpr const char* kSubmit = R"sh(
submitted= cancelled= kept=
jobs=$(squeue --me --noheader --array --states=PD,R,CF,S --format '%i %K %k')
while read -r id replica comment; do
  case $comment in plimsoll:*) ;; *) continue ;; esac # not ours
  key=${comment#plimsoll:}/$replica
  if [ -n "${script[$key]-}" ] && [ -z "${job[$key]-}" ]; then
    job[$key]=$id
    kept+=" $id"
  else
    scancel "$id"
    cancelled+=" $id"
  fi
done <<<"$jobs"
for key in "${order[@]}"; do
  [ -z "${job[$key]-}" ] || continue
  submitted+=" $(sbatch --parsable --comment="plimsoll:${key%/*}" --array="${key#*/}" --prefer="${node[$key]}" \
    ${exclude[$key]:+--exclude="${exclude[$key]}"} "${script[$key]}")"
done
echo "submitted:${submitted:- none}; kept:${kept:- none}; cancelled:${cancelled:- none}"
)sh";

constexpr const char* kRun = R"sh(
# Slurm sends the signal to all that is here: the server drains, and this waits for it.
ending=
trap 'ending=1' TERM
# A server that breaks off is started again here, and where that does not help, wherever Slurm finds room.
for pause in 1 2 4 0; do
  "${serve[@]}"
  status=$?
  if [ -n "$ending" ] || [ "$status" = 0 ]; then exit 0; fi
  case $status in 2 | 4) exit "$status" ;; esac # what it was asked for is wrong
  echo "the server ended with status $status"
  sleep "$pause"
done
scontrol requeue "$SLURM_JOB_ID"
exit "$status"
)sh";

std::uint64_t mebibytes(Bytes bytes) { return (bytes.value() + kMiB - 1) / kMiB; }

std::string gres_of(const Node& node) {
  std::vector<std::string> out;
  for (const Device& device : node.devices) {
    if (!device.is_down)
      out.push_back(fmt::format("vram:{}:{}", resource_of(device.kind, device.name), device.budget.value()));
  }
  return out.empty() ? "" : fmt::format(" Gres={}", fmt::join(out, ","));
}

std::string nodes_conf(const ServedCluster& served) {
  std::string out = kNodesHead;
  for (const Node& node : served.cluster.nodes) {
    out += fmt::format("NodeName={} NodeAddr={} CPUs={} RealMemory={}{} Feature={}\n", node.name, address_of(node),
                       node.cpus, node.host.value() / kMiB, gres_of(node), node.name);
  }
  return out;
}

std::string gres_conf(const ServedCluster& served) {
  std::string out = kGresHead;
  for (const Node& node : served.cluster.nodes) {
    for (const Device& device : node.devices) {
      if (!device.is_down)
        out += fmt::format("NodeName={} Name=vram Type={} Count={} Flags=CountOnly\n", node.name,
                           resource_of(device.kind, device.name), device.budget.value());
    }
  }
  return out;
}

std::string bytes_of(const Alike& alike) {
  const Placed& one = *alike.replicas.front();
  std::string out = fmt::format("#SBATCH --mem={}M\n", mebibytes(one.need.host));
  if (!one.need.kind.empty())
    out += fmt::format("#SBATCH --gres=vram:{}:{}\n", resource_of(one.need.kind, one.device), one.need.device.value());
  return out;
}

std::string options_of(const ServedCluster& served, const Alike& alike) {
  std::string out =
      fmt::format("#SBATCH --nodes=1\n#SBATCH --ntasks=1\n#SBATCH --cpus-per-task={}\n", alike.served->threads);
  if (!alike.model->avoid.empty()) out += fmt::format("#SBATCH --exclude={}\n", fmt::join(alike.model->avoid, ","));
  if (!served.serving.partition.empty()) out += fmt::format("#SBATCH --partition={}\n", served.serving.partition);
  return out + fmt::format(
                   "#SBATCH --time=UNLIMITED\n#SBATCH --requeue\n#SBATCH --open-mode=append\n"
                   "#SBATCH --output={}-%a.log\n",
                   alike.name);
}

std::string fleet_of(const Alike& alike) {
  const std::string& text = alike.fleet->text;
  return fmt::format(
      "folder=$(mktemp -d)\ntrap 'rm -rf -- \"$folder\"' EXIT\n"
      "cat >\"$folder/fleet.toml\" <<'END-{0}'\n{1}END-{0}\n",
      hash_of(text), text);
}

std::string work_of(const ServedCluster& served) {
  std::string out = fmt::format("serve=({} serve \"$folder/fleet.toml\" --host 0.0.0.0 --port \"$port\"",
                                shell_word(served.serving.program));
  for (const std::string& option : served.serving.options) out += ' ' + shell_word(option);
  return out + ")\n" + kRun;
}

std::string script_of(const ServedCluster& served, const Alike& alike, const Ports& ports) {
  std::vector<unsigned> numbers;
  std::string port_of;
  for (const Placed* one : alike.replicas) {
    numbers.push_back(one->replica);
    port_of += fmt::format("  {}) port={} ;;\n", one->replica, ports.at({one->model, one->replica}));
  }
  return fmt::format(
      "#!/bin/bash\n# {0}: written by `plimsoll place`. submit.sh submits it; so does `sbatch {0}.sbatch`.\n"
      "#SBATCH --job-name={0}\n#SBATCH --comment=plimsoll:by-hand\n#SBATCH --array={1}\n{2}{3}\nset -u\n"
      "case $SLURM_ARRAY_TASK_ID in\n{4}"
      "  *) echo \"there is no replica $SLURM_ARRAY_TASK_ID\" >&2; exit 2 ;;\nesac\n{5}{6}",
      alike.name, fmt::join(numbers, ","), bytes_of(alike), options_of(served, alike), port_of, fleet_of(alike),
      work_of(served));
}

// What a job of that replica is made of: where this is the same, it is let alone. Without its bytes and the other
// replicas: a job that holds a little more than it would ask for now does its work.
std::string mark_of(const ServedCluster& served, const Alike& alike, const Placed& replica, const Ports& ports) {
  return hash_of(fmt::format("{}\n{}\n{}{}{}", alike.name, ports.at({replica.model, replica.replica}),
                             options_of(served, alike), alike.fleet->settings, work_of(served)));
}

// The other replicas' nodes and those that the model avoids.
std::string excluded(const ServedCluster& served, const Alike& alike, const Placed& replica) {
  const std::vector<const Node*> may = nodes_for(served, alike, replica);
  std::vector<std::string> out = alike.model->avoid;
  for (const Node* node : nodes_for(served, alike)) {
    if (!std::ranges::contains(may, node)) out.push_back(node->name);
  }
  return fmt::format("{}", fmt::join(out, ","));
}

std::string submit_sh(const ServedCluster& served, const std::vector<Alike>& all, const Ports& ports) {
  std::string out = kSubmitHead;
  for (const Alike& alike : all) {
    for (const Placed* one : alike.replicas)
      out += fmt::format("want {}/{} {}.sbatch {} {}\n", mark_of(served, alike, *one, ports), one->replica, alike.name,
                         one->node, excluded(served, alike, *one));
  }
  return out + kSubmit;
}

std::vector<std::string> what_slurm_cannot_take(const ServedCluster& served) {
  std::vector<std::string> wrong;
  for (const Node& node : served.cluster.nodes) {
    if (node.cpus == 0)
      wrong.push_back(fmt::format("node '{}' has no 'cpus', and Slurm would take it to have one", node.name));
    constexpr std::string_view kDefault = "default";
    if (std::ranges::equal(node.name, kDefault, [](char a, char b) { return (a | 0x20) == b; }))
      wrong.push_back(fmt::format("'{}' is no node to Slurm, but what holds for all nodes behind it", node.name));
  }
  std::set<unsigned> most;
  for (const Node& node : served.cluster.nodes) most.insert(node.cpus);
  for (const ServedModel& model : served.models) {
    if (most.empty() || *most.rbegin() == 0 || model.threads <= *most.rbegin()) continue;
    const Model& its = served.cluster.models[static_cast<std::size_t>(&model - served.models.data())];
    wrong.push_back(
        fmt::format("'{}' computes with {} threads, and no node has as many cpus", its.name, model.threads));
  }
  return wrong;
}

}  // namespace

std::vector<std::string> waiting_for_cpus(const ServedCluster& served) {
  std::vector<std::string> out;
  for (const Node& node : served.cluster.nodes) {
    std::uint64_t threads = 0;
    for (const Placed& one : served.placement.placed) {
      if (one.node != node.name) continue;
      const auto model = std::ranges::find(served.cluster.models, one.model, &Model::name);
      threads += served.models[static_cast<std::size_t>(model - served.cluster.models.begin())].threads;
    }
    if (threads > node.cpus)
      out.push_back(fmt::format(
          "what is placed on '{}' computes with {} threads, and it has {} cpus: Slurm lets some of it wait, or runs it "
          "elsewhere (a model's 'threads' are its job's cpus)",
          node.name, threads, node.cpus));
  }
  return out;
}

std::vector<RenderedFile> slurm_files(const ServedCluster& served) {
  require_none(what_slurm_cannot_take(served), "Slurm");
  const Ports ports = ports_of(served);
  const std::vector<Alike> all = alike_replicas(served);
  std::vector<RenderedFile> out;
  for (const Alike& alike : all)
    out.push_back({.name = alike.name + ".sbatch", .text = script_of(served, alike, ports)});
  out.push_back({.name = "submit.sh", .text = submit_sh(served, all, ports), .is_program = true});
  out.push_back({.name = "nodes.conf", .text = nodes_conf(served)});
  out.push_back({.name = "gres.conf", .text = gres_conf(served)});
  return out;
}

}  // namespace plimsoll::place
