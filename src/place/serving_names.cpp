#include "serving_names.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include <plimsoll/base/error.hpp>
#include "base/hash.hpp"

namespace plimsoll::place {
namespace {

constexpr std::size_t kLongest = 40;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

Fnv1a hashed(std::string_view text) {
  Fnv1a hash;
  hash.add(text);
  return hash;
}

std::string short_hash(std::string_view text) { return fmt::format("{:08x}", hashed(text).value() >> 32U); }

bool could_hold(const Node& node, const Placed& replica) {
  if (node.host < replica.need.host) return false;
  if (replica.device.empty()) return true;
  return std::ranges::any_of(node.devices, [&](const Device& device) {
    return device.name == replica.device && device.kind == replica.need.kind && device.budget >= replica.need.device;
  });
}

}  // namespace

std::string hash_of(std::string_view text) { return hashed(text).hex(); }

std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (is_letter(c) || is_digit(c)) {
      out += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  const bool fits =
      out == name && out.size() <= kLongest && !out.ends_with('-') && is_letter(out.empty() ? '-' : out[0]);
  if (fits) return out;
  out.resize(std::min(out.size(), kLongest - 11));  // "m-" before it, and '-' and eight digits behind
  while (out.ends_with('-')) out.pop_back();
  if (out.empty() || !is_letter(out[0])) out.insert(0, out.empty() ? "m" : "m-");
  return out + '-' + short_hash(name);
}

std::string resource_of(const std::string& kind, const std::string& device) {
  std::string out = kind + '-' + device;
  for (char& c : out) {
    if (!is_letter(c) && !is_digit(c)) c = c == '-' || c == '.' ? c : '_';
  }
  const bool is_same = out == kind + '-' + device && out.size() <= kLongest && (is_letter(out[0]) || is_digit(out[0]));
  if (is_same) return out;
  out.resize(std::min(out.size(), kLongest - 10));
  return (is_letter(out[0]) || is_digit(out[0]) ? out : "k" + out) + '-' + short_hash(kind + '\0' + device);
}

Ports ports_of(const ServedCluster& served) {
  Ports out;
  std::set<unsigned> taken;
  for (const Model& model : served.cluster.models) {
    for (unsigned replica = 0; replica < model.replicas; ++replica) {
      if (taken.size() == kPortsOfReplicas)
        throw Error(ErrorCode::usage,
                    fmt::format("there are more than {} replicas, and each needs a port", kPortsOfReplicas));
      auto port = static_cast<unsigned>(hashed(fmt::format("{}\n{}", model.name, replica)).value() % kPortsOfReplicas);
      while (!taken.insert(port).second) port = (port + 1) % kPortsOfReplicas;
      out[{model.name, replica}] = static_cast<std::uint16_t>(served.serving.first_port + port);
    }
  }
  return out;
}

std::vector<Alike> alike_replicas(const ServedCluster& served) {
  std::vector<Alike> out;
  for (std::size_t p = 0; p < served.placement.placed.size(); ++p) {
    const Placed& one = served.placement.placed[p];
    const auto same = std::ranges::find_if(out, [&](const Alike& alike) {
      const Placed& other = *alike.replicas.front();
      return other.model == one.model && other.need == one.need && other.device == one.device;
    });
    if (same != out.end()) {
      same->replicas.push_back(&one);
      continue;
    }
    const auto model = std::ranges::find(served.cluster.models, one.model, &Model::name);
    const auto before = std::ranges::count_if(out, [&](const Alike& alike) { return alike.model->name == one.model; });
    const std::string name = plain_name(one.model);
    out.push_back({.model = &*model,
                   .served = &served.models[static_cast<std::size_t>(model - served.cluster.models.begin())],
                   .replicas = {&one},
                   .fleet = &served.fleets[p],
                   .name = before == 0 ? name : fmt::format("{}.{}", name, before + 1)});
  }
  return out;
}

std::vector<const Node*> nodes_for(const ServedCluster& served, const Alike& alike) {
  std::vector<const Node*> out;
  for (const Node& node : served.cluster.nodes) {
    if (!std::ranges::contains(alike.model->avoid, node.name) && could_hold(node, *alike.replicas.front()))
      out.push_back(&node);
  }
  return out;
}

std::vector<const Node*> nodes_for(const ServedCluster& served, const Alike& alike, const Placed& replica) {
  std::set<std::string> others;
  for (const Placed& one : served.placement.placed) {
    if (one.model == replica.model && one.replica != replica.replica && one.node != replica.node)
      others.insert(one.node);
  }
  std::vector<const Node*> out = nodes_for(served, alike);
  std::erase_if(out, [&](const Node* node) { return others.contains(node->name); });
  return out;
}

void require_none(const std::vector<std::string>& wrong, std::string_view what) {
  if (!wrong.empty()) throw Error(ErrorCode::usage, fmt::format("{}: {}", what, fmt::join(wrong, "; ")));
}

}  // namespace plimsoll::place
