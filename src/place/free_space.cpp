#include "free_space.hpp"

namespace plimsoll::place {

FreeSpace::FreeSpace(const std::vector<Node>& nodes) : nodes_(nodes) {
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    host_.push_back(nodes[n].host);
    std::vector<Bytes>& devices = devices_.emplace_back();
    for (const Device& device : nodes[n].devices) devices.push_back(device.budget);
    if (nodes[n].is_down) continue;
    by_size_[""].emplace(nodes[n].host, Spot{.node = n});
    for (std::size_t d = 0; d < nodes[n].devices.size(); ++d) {
      const Device& device = nodes[n].devices[d];
      if (device.is_down) continue;
      by_size_[device.kind].emplace(device.budget, Spot{.node = n, .device = d});
    }
  }
}

Bytes FreeSpace::free_at(const Spot& spot) const {
  return spot.device == kHost ? host_[spot.node] : devices_[spot.node][spot.device];
}

bool FreeSpace::holds(const Spot& spot, const Need& need) const {
  if (spot.device == kHost) return need.kind.empty() && host_[spot.node] >= need.host;
  return nodes_[spot.node].devices[spot.device].kind == need.kind && free_at(spot) >= need.device &&
         host_[spot.node] >= need.host;
}

void FreeSpace::take(const Spot& spot, const Need& need) { change(spot, need, true); }
void FreeSpace::give_back(const Spot& spot, const Need& need) { change(spot, need, false); }

void FreeSpace::change(const Spot& spot, const Need& need, bool taking) {
  const auto set = [&](const std::string& kind, const Spot& where, Bytes& free, Bytes bytes) {
    BySize& sizes = by_size_[kind];
    sizes.erase({free, where});
    if (taking) {
      free -= bytes;
    } else {
      free += bytes;
    }
    sizes.emplace(free, where);
  };
  set("", {.node = spot.node}, host_[spot.node], need.host);
  if (spot.device != kHost) set(need.kind, spot, devices_[spot.node][spot.device], need.device);
}

std::optional<Spot> FreeSpace::tightest(const Need& need, const May& may) const {
  const auto sizes = by_size_.find(need.kind);
  if (sizes == by_size_.end()) return std::nullopt;
  const Bytes wanted = need.kind.empty() ? need.host : need.device;
  for (auto at = sizes->second.lower_bound({wanted, Spot{}}); at != sizes->second.end(); ++at) {
    if (host_[at->second.node] >= need.host && may(at->second.node)) return at->second;
  }
  return std::nullopt;
}

std::vector<Spot> FreeSpace::widest(const Need& need, std::size_t most) const {
  std::vector<Spot> out;
  const auto sizes = by_size_.find(need.kind);
  if (sizes == by_size_.end()) return out;
  for (auto at = sizes->second.rbegin(); at != sizes->second.rend() && out.size() < most; ++at)
    out.push_back(at->second);
  return out;
}

}  // namespace plimsoll::place
