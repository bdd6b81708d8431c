#include "place/kubernetes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "serving_names.hpp"
#include "shell.hpp"
#include "yaml.hpp"

namespace plimsoll::place {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kHostNameLabel = "kubernetes.io/hostname";
constexpr const char* kFleetFolder = "/etc/plimsoll";

std::string counted_as(const Placed& replica) {
  return "plimsoll/vram-" + resource_of(replica.need.kind, replica.device);
}

Json labels_of(const Alike& alike) {
  return {{"app.kubernetes.io/name", "plimsoll"}, {"plimsoll/model", plain_name(alike.model->name)}};
}

// Of these replicas alone: two Deployments of one model do not take each other's.
Json own_labels(const Alike& alike) {
  Json out = labels_of(alike);
  out["plimsoll/replicas"] = alike.name;
  return out;
}

Json metadata(const ServedCluster& served, const std::string& name, const Json& labels) {
  Json out{{"name", name}, {"labels", labels}};
  if (!served.serving.name_space.empty()) out["namespace"] = served.serving.name_space;
  return out;
}

Json config_map(const ServedCluster& served, const Alike& alike) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", metadata(served, alike.name, own_labels(alike))},
          {"data", {{"fleet.toml", alike.fleet->text}}}};
}

Json service(const ServedCluster& served, const Alike& alike) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", metadata(served, plain_name(alike.model->name), labels_of(alike))},
          {"spec",
           {{"clusterIP", "None"},
            {"selector", labels_of(alike)},
            {"ports", {{{"name", "http"}, {"port", served.serving.port}, {"targetPort", "http"}}}}}}};
}

Json on_hosts(const char* how, const std::vector<std::string>& nodes) {
  return {{"matchExpressions", {{{"key", kHostNameLabel}, {"operator", how}, {"values", nodes}}}}};
}

Json affinity(const Alike& alike) {
  std::vector<std::string> wanted;
  for (const Placed* one : alike.replicas) {
    if (!std::ranges::contains(wanted, one->node)) wanted.push_back(one->node);
  }
  Json of_nodes{
      {"preferredDuringSchedulingIgnoredDuringExecution", {{{"weight", 50}, {"preference", on_hosts("In", wanted)}}}}};
  if (!alike.model->avoid.empty())
    of_nodes["requiredDuringSchedulingIgnoredDuringExecution"] = {
        {"nodeSelectorTerms", Json::array({on_hosts("NotIn", alike.model->avoid)})}};
  Json out{{"nodeAffinity", of_nodes}};
  if (alike.model->replicas > 1)
    out["podAntiAffinity"] = {
        {"preferredDuringSchedulingIgnoredDuringExecution",
         {{{"weight", 100},
           {"podAffinityTerm",
            {{"topologyKey", kHostNameLabel}, {"labelSelector", {{"matchLabels", labels_of(alike)}}}}}}}}};
  return out;
}

Json resources(const Alike& alike) {
  const Placed& one = *alike.replicas.front();
  Json requests{{"cpu", std::to_string(alike.served->threads)}, {"memory", std::to_string(one.need.host.value())}};
  Json limits{{"memory", requests["memory"]}};
  if (!one.need.kind.empty())
    requests[counted_as(one)] = limits[counted_as(one)] = std::to_string(one.need.device.value());
  return {{"requests", requests}, {"limits", limits}};
}

Json asked(const char* path, int period_s, int failures) {
  return {{"httpGet", {{"path", path}, {"port", "http"}}}, {"periodSeconds", period_s}, {"failureThreshold", failures}};
}

// Of a command: "$(NAME)" would be a variable's value, and "$$" one "$".
std::string word(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '$' ? std::string("$$") : std::string(1, c);
  return out;
}

Json container(const ServedCluster& served, const Alike& alike) {
  const Serving& serving = served.serving;
  Json arguments{
      "serve", fmt::format("{}/fleet.toml", kFleetFolder), "--host", "0.0.0.0", "--port", std::to_string(serving.port)};
  for (const std::string& option : serving.options) arguments.push_back(word(option));
  Json mounts = Json::array({{{"name", "fleet"}, {"mountPath", kFleetFolder}, {"readOnly", true}}});
  for (std::size_t f = 0; f < alike.served->folders.size(); ++f)
    mounts.push_back(
        {{"name", fmt::format("models-{}", f + 1)}, {"mountPath", alike.served->folders[f]}, {"readOnly", true}});
  return {{"name", "plimsoll"},
          {"image", serving.image},
          {"command", Json::array({word(serving.program)})},
          {"args", arguments},
          {"ports", {{{"name", "http"}, {"containerPort", serving.port}}}},
          {"resources", resources(alike)},
          {"startupProbe", asked("/health", 2, 1800)},
          {"readinessProbe", asked("/health", 2, 2)},
          {"livenessProbe", {{"tcpSocket", {{"port", "http"}}}, {"periodSeconds", 10}, {"failureThreshold", 3}}},
          {"volumeMounts", mounts}};
}

Json pod(const ServedCluster& served, const Alike& alike) {
  Json volumes = Json::array({{{"name", "fleet"}, {"configMap", {{"name", alike.name}}}}});
  for (std::size_t f = 0; f < alike.served->folders.size(); ++f)
    volumes.push_back({{"name", fmt::format("models-{}", f + 1)},
                       {"hostPath", {{"path", alike.served->folders[f]}, {"type", "Directory"}}}});
  Json out{{"terminationGracePeriodSeconds", 60},
           {"affinity", affinity(alike)},
           {"containers", Json::array({container(served, alike)})},
           {"volumes", volumes}};
  if (!served.serving.runtime_class.empty() && !alike.replicas.front()->need.kind.empty())
    out["runtimeClassName"] = served.serving.runtime_class;
  return out;
}

// A new pod's bytes are those that an old one has given back: none is started before one has ended.
Json deployment(const ServedCluster& served, const Alike& alike) {
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", metadata(served, alike.name, own_labels(alike))},
          {"spec",
           {{"replicas", alike.replicas.size()},
            {"selector", {{"matchLabels", own_labels(alike)}}},
            {"strategy", {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxSurge", 0}, {"maxUnavailable", 1}}}}},
            {"template",
             {{"metadata",
               {{"labels", own_labels(alike)}, {"annotations", {{"plimsoll/fleet", hash_of(alike.fleet->text)}}}}},
              {"spec", pod(served, alike)}}}}}};
}

std::string models_yaml(const ServedCluster& served, const std::vector<Alike>& all) {
  std::string out =
      "# Written by `plimsoll place`: kubectl apply -f models.yaml --prune -l app.kubernetes.io/name=plimsoll\n";
  for (const Alike& alike : all) {
    for (const Json& object : {config_map(served, alike), deployment(served, alike)}) out += "---\n" + to_yaml(object);
    if (alike.name == plain_name(alike.model->name)) out += "---\n" + to_yaml(service(served, alike));
  }
  return out;
}

std::string nodes_sh(const ServedCluster& served) {
  std::string out =
      "#!/bin/bash\n# Written by `plimsoll place`: the bytes of each node's devices, as resources that Kubernetes "
      "counts.\n"
      "set -euo pipefail\n";
  for (const Node& node : served.cluster.nodes) {
    Json capacity = Json::object();
    for (const Device& device : node.devices) {
      capacity["plimsoll/vram-" + resource_of(device.kind, device.name)] =
          std::to_string(device.is_down ? 0 : device.budget.value());
    }
    if (capacity.empty()) continue;
    const Json patch{{"status", {{"capacity", capacity}}}};
    out += fmt::format("kubectl patch node {} --subresource=status --type=merge --patch {}\n", shell_word(node.name),
                       shell_word(patch.dump()));
  }
  return out;
}

// A name of a host as Kubernetes takes it for its objects' (RFC 1123).
bool is_object_name(std::string_view name, bool with_dots) {
  const auto is_small = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && is_small(name.front()) && is_small(name.back()) &&
         std::ranges::all_of(name, [&](char c) { return is_small(c) || c == '-' || (with_dots && c == '.'); });
}

std::vector<std::string> what_kubernetes_cannot_take(const ServedCluster& served) {
  std::vector<std::string> wrong;
  const Serving& serving = served.serving;
  if (serving.image.empty()) wrong.emplace_back("[serve] has no 'image', of a container with `plimsoll` in it");
  for (const Node& node : served.cluster.nodes) {
    if (!is_object_name(node.name, true))
      wrong.push_back(fmt::format("no node can be called '{}': small letters, digits, '-' and '.'", node.name));
  }
  if (!serving.name_space.empty() && !is_object_name(serving.name_space, false))
    wrong.push_back(fmt::format("no namespace can be called '{}': small letters, digits and '-'", serving.name_space));
  if (!serving.runtime_class.empty() && !is_object_name(serving.runtime_class, true))
    wrong.push_back(
        fmt::format("no runtime-class can be called '{}': small letters, digits, '-' and '.'", serving.runtime_class));
  return wrong;
}

}  // namespace

std::vector<RenderedFile> kubernetes_files(const ServedCluster& served) {
  require_none(what_kubernetes_cannot_take(served), "Kubernetes");
  const std::vector<Alike> all = alike_replicas(served);
  return {{.name = "models.yaml", .text = models_yaml(served, all)},
          {.name = "nodes.sh", .text = nodes_sh(served), .is_program = true}};
}

}  // namespace plimsoll::place
