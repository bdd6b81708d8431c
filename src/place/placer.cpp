#include "placer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <ranges>
#include <tuple>

namespace plimsoll::place {
namespace {

// The widest are looked at first: narrower ones need more to go.
constexpr std::size_t kWidest = 64;

Bytes largest_need(const Model& model) {
  Bytes largest;
  for (const Need& need : model.needs) largest = std::max(largest, weight(need));
  return largest;
}

}  // namespace

bool Placer::ComesFirst::operator()(Id a, Id b) const {
  const auto key = [this](Id id) {
    const Replica& replica = placer->replicas_[id];
    const Model& model = placer->model_of(replica);
    return std::tuple(-model.priority, replica.before == nullptr, -model.use);
  };
  const auto size = [this](Id id) { return largest_need(placer->model_of(placer->replicas_[id])); };
  if (key(a) != key(b)) return key(a) < key(b);
  if (size(a) != size(b)) return size(a) > size(b);
  return a < b;
}

Placer::Placer(const Cluster& cluster, const std::vector<Placed>& before)
    : cluster_(cluster), space_(cluster.nodes), nodes_of_(cluster.models.size()), waiting_(ComesFirst{this}) {
  index_names(before);
}

void Placer::index_names(const std::vector<Placed>& before) {
  for (std::size_t n = 0; n < cluster_.nodes.size(); ++n) nodes_.emplace(cluster_.nodes[n].name, n);
  std::map<std::pair<std::string, unsigned>, const Placed*> places;
  for (const Placed& one : before) places.emplace(std::pair(one.model, one.replica), &one);
  for (std::size_t m = 0; m < cluster_.models.size(); ++m) {
    const Model& model = cluster_.models[m];
    std::set<std::size_t>& avoided = avoided_.emplace_back();
    for (const std::string& node : model.avoid) avoided.insert(nodes_.at(node));
    for (unsigned r = 0; r < model.replicas; ++r) {
      const auto was = places.find({model.name, r});
      replicas_.push_back({.model = m, .number = r, .before = was == places.end() ? nullptr : was->second});
    }
  }
}

Placement Placer::run() {
  keep_what_can_stay();
  place_the_rest();
  Placement out;
  out.had_to_move = had_to_move_;
  for (Id id = 0; id < replicas_.size(); ++id) {
    const Replica& replica = replicas_[id];
    if (!replica.spot) {
      out.missing.push_back(missing(id));
      if (replica.before != nullptr) out.stopped += weight(replica.before->need);
      continue;
    }
    out.placed.push_back(placed(replica));
    out.taken += weight(need_of(replica));
    if (replica.before != nullptr && out.placed.back().is_new) out.moved += weight(need_of(replica));
  }
  return out;
}

void Placer::keep_what_can_stay() {
  std::vector<Id> order;
  for (Id id = 0; id < replicas_.size(); ++id) order.push_back(id);
  std::ranges::sort(order, ComesFirst{this});
  for (const Id id : order) {
    const Replica& replica = replicas_[id];
    const auto spot = replica.before != nullptr ? spot_before(*replica.before) : std::nullopt;
    const auto need = spot ? need_at(model_of(replica), *spot) : std::nullopt;
    if (need && may_go(replica, spot->node) && space_.holds(*spot, model_of(replica).needs[*need])) {
      put(id, *spot, *need);
    } else {
      if (replica.before != nullptr) had_to_move_ += weight(replica.before->need);
      waiting_.insert(id);
    }
  }
}

void Placer::place_the_rest() {
  while (!waiting_.empty()) {
    const Id id = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    if (!place_somewhere(id) && !place_by_moving(id) && !place_by_sending_away(id)) without_place_.push_back(id);
  }
}

bool Placer::place_somewhere(Id id) {
  const Replica& replica = replicas_[id];
  const Model& model = model_of(replica);
  const auto may = [&](std::size_t node) { return may_go(replica, node); };
  const auto may_and_prefers = [&](std::size_t node) {
    return may(node) && std::ranges::contains(model.prefer, cluster_.nodes[node].name);
  };
  for (const bool preferred : {true, false}) {
    if (preferred && model.prefer.empty()) continue;
    for (std::size_t need = 0; need < model.needs.size(); ++need) {
      const auto spot =
          preferred ? space_.tightest(model.needs[need], may_and_prefers) : space_.tightest(model.needs[need], may);
      if (!spot) continue;
      put(id, *spot, need);
      return true;
    }
  }
  return false;
}

// For one that has lost its place: another one moves, to where it fits as well.
bool Placer::place_by_moving(Id id) {
  const Bytes allowed = saturating_sub(Bytes{had_to_move_.value() / 10}, moved_for_others_);
  if (replicas_[id].before == nullptr || allowed == Bytes{}) return false;
  const auto can_move = [&](Id other) {
    const Replica& resident = replicas_[other];
    if (weight(need_of(resident)) > allowed) return false;
    const auto elsewhere = [&](std::size_t node) { return node != resident.spot->node && may_go(resident, node); };
    return space_.tightest(need_of(resident), elsewhere).has_value();
  };
  const auto room = room_for(id, kWidest, can_move);
  if (!room || room->without.size() != 1) return false;
  const Id other = room->without.front();
  const std::size_t from = replicas_[other].spot->node;
  remove(other);
  put(id, room->spot, room->need);
  const Replica& resident = replicas_[other];
  const auto to = space_.tightest(need_of(resident), [&](std::size_t n) { return n != from && may_go(resident, n); });
  moved_for_others_ += weight(need_of(resident));
  put(other, *to, resident.need);
  return true;
}

bool Placer::place_by_sending_away(Id id) {
  const int priority = model_of(replicas_[id]).priority;
  if (placed_by_priority_.empty() || placed_by_priority_.begin()->first >= priority) return false;
  const auto may_be_sent = [&](Id other) { return model_of(replicas_[other]).priority < priority; };
  auto room = room_for(id, kWidest, may_be_sent);
  if (!room) room = room_for(id, std::numeric_limits<std::size_t>::max(), may_be_sent);
  if (!room) return false;
  for (const Id other : room->without) {
    remove(other);
    waiting_.insert(other);
  }
  put(id, room->spot, room->need);
  return true;
}

template <class MayBeSent>
std::optional<Placer::Room> Placer::room_for(Id id, std::size_t spots, MayBeSent may_be_sent) const {
  const Replica& replica = replicas_[id];
  const Model& model = model_of(replica);
  std::optional<Room> best;
  for (std::size_t need = 0; need < model.needs.size(); ++need) {
    const Need& wanted = model.needs[need];
    for (const Spot& spot : space_.widest(wanted, spots)) {
      const auto residents = residents_.find(spot);
      if (residents == residents_.end() || !may_go(replica, spot.node)) continue;
      std::vector<Id> candidates;
      std::ranges::copy_if(residents->second, std::back_inserter(candidates), may_be_sent);
      // The lowest priority first; of one priority the smallest that is enough, else the largest.
      Room room{.spot = spot, .need = need};
      Bytes device = space_.free_at(spot);
      Bytes host = space_.host_free(spot.node);
      const auto fits = [&] { return (wanted.kind.empty() || device >= wanted.device) && host >= wanted.host; };
      while (!fits() && !candidates.empty()) {
        const auto order = [&](Id other) {
          const Need& given = need_of(replicas_[other]);
          const bool enough =
              (wanted.kind.empty() || device + given.device >= wanted.device) && host + given.host >= wanted.host;
          const auto size = static_cast<double>(weight(given).value());
          return std::tuple(model_of(replicas_[other]).priority, !enough, enough ? size : -size, other);
        };
        const auto next = std::ranges::min_element(candidates, {}, order);
        const Need& given = need_of(replicas_[*next]);
        device += given.device;
        host += given.host;
        room.without.push_back(*next);
        room.highest_priority =
            std::max(room.without.size() == 1 ? model_of(replicas_[*next]).priority : room.highest_priority,
                     model_of(replicas_[*next]).priority);
        room.bytes += weight(given);
        candidates.erase(next);
      }
      if (!fits() || room.without.empty()) continue;
      if (!best || std::tuple(room.highest_priority, room.bytes) < std::tuple(best->highest_priority, best->bytes))
        best = std::move(room);
    }
  }
  return best;
}

void Placer::put(Id id, const Spot& spot, std::size_t need) {
  Replica& replica = replicas_[id];
  replica.spot = spot;
  replica.need = need;
  space_.take(spot, need_of(replica));
  residents_[spot].insert(id);
  nodes_of_[replica.model].insert(spot.node);
  ++placed_by_priority_[model_of(replica).priority];
}

void Placer::remove(Id id) {
  Replica& replica = replicas_[id];
  const Spot spot = *replica.spot;
  space_.give_back(spot, need_of(replica));
  residents_[spot].erase(id);
  nodes_of_[replica.model].extract(spot.node);
  const auto count = placed_by_priority_.find(model_of(replica).priority);
  if (--count->second == 0) placed_by_priority_.erase(count);
  replica.spot.reset();
}

// Replicas of one model stand on different nodes, unless there are more of them than nodes.
bool Placer::may_go(const Replica& replica, std::size_t node) const {
  if (avoided_[replica.model].contains(node)) return false;
  return model_of(replica).replicas > cluster_.nodes.size() || !nodes_of_[replica.model].contains(node);
}

std::optional<Spot> Placer::spot_before(const Placed& before) const {
  const auto node = nodes_.find(before.node);
  if (node == nodes_.end() || cluster_.nodes[node->second].is_down) return std::nullopt;
  if (before.device.empty()) return Spot{.node = node->second};
  const std::vector<Device>& devices = cluster_.nodes[node->second].devices;
  const auto device = std::ranges::find(devices, before.device, &Device::name);
  if (device == devices.end() || device->is_down) return std::nullopt;
  return Spot{.node = node->second, .device = static_cast<std::size_t>(device - devices.begin())};
}

std::optional<std::size_t> Placer::need_at(const Model& model, const Spot& spot) const {
  const std::string kind = spot.device == kHost ? "" : cluster_.nodes[spot.node].devices[spot.device].kind;
  const auto need = std::ranges::find(model.needs, kind, &Need::kind);
  if (need == model.needs.end()) return std::nullopt;
  return static_cast<std::size_t>(need - model.needs.begin());
}

std::string Placer::name_of(Id id) const {
  const Model& model = model_of(replicas_[id]);
  return model.replicas == 1 ? model.name
                             : fmt::format("{} ({} of {})", model.name, replicas_[id].number + 1, model.replicas);
}

Placed Placer::placed(const Replica& replica) const {
  const Node& node = cluster_.nodes[replica.spot->node];
  Placed out{.model = model_of(replica).name,
             .replica = replica.number,
             .node = node.name,
             .device = replica.spot->device == kHost ? "" : node.devices[replica.spot->device].name,
             .need = need_of(replica)};
  out.is_new = replica.before == nullptr || replica.before->node != out.node || replica.before->device != out.device;
  return out;
}

Missing Placer::missing(Id id) const {
  const Replica& replica = replicas_[id];
  const Model& model = model_of(replica);
  Missing out{.model = model.name, .replica = replica.number};
  const auto may = [&](std::size_t node) { return may_go(replica, node); };
  const auto name_spot = [&](WayOut way, const Spot& spot) {
    way.node = cluster_.nodes[spot.node].name;
    if (spot.device != kHost) way.device = cluster_.nodes[spot.node].devices[spot.device].name;
    out.ways_out.push_back(std::move(way));
  };
  for (const OtherNeed& other : model.others) {
    const auto spot = space_.tightest(other.need, may);
    if (!spot) continue;
    name_spot({.kind = WayOut::Kind::other_need, .flags = other.flags}, *spot);
    break;
  }
  for (const Need& need : model.needs) {
    if (const auto spot = space_.tightest(need, [](std::size_t) { return true; })) {
      name_spot({.kind = WayOut::Kind::other_node}, *spot);
      break;
    }
  }
  const auto room = room_for(id, kWidest, [&](Id other) {
    return replicas_[other].model != replica.model && model_of(replicas_[other]).priority <= model.priority;
  });
  if (room) {
    WayOut way{.kind = WayOut::Kind::instead_of};
    for (const Id other : room->without) way.models.push_back(name_of(other));
    name_spot(std::move(way), room->spot);
  }
  for (const Need& need : model.needs) {
    const std::vector<Spot> widest = space_.widest(need, 1);
    if (widest.empty()) continue;
    const Spot spot = widest.front();
    const Bytes short_of = saturating_sub(weight(need), space_.free_at(spot));
    if (short_of > Bytes{}) {
      name_spot({.kind = WayOut::Kind::smaller, .bytes = short_of}, spot);
    } else if (const Bytes host = saturating_sub(need.host, space_.host_free(spot.node)); host > Bytes{}) {
      name_spot({.kind = WayOut::Kind::more_host, .bytes = host}, spot);
    }
  }
  return out;
}

}  // namespace plimsoll::place
