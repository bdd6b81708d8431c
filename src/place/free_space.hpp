// FreeSpace: what is free on each device and host of a cluster, found by size. Private to this part.
#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "place/cluster.hpp"

namespace plimsoll::place {

inline constexpr std::size_t kHost = static_cast<std::size_t>(-1);  // in the place of a device: none

struct Spot {
  std::size_t node = 0;
  std::size_t device = kHost;  // of the node
  friend auto operator<=>(const Spot&, const Spot&) = default;
};

class FreeSpace {
 public:
  explicit FreeSpace(const std::vector<Node>& nodes);

  [[nodiscard]] Bytes free_at(const Spot& spot) const;
  [[nodiscard]] Bytes host_free(std::size_t node) const { return host_[node]; }
  [[nodiscard]] bool holds(const Spot& spot, const Need& need) const;
  void take(const Spot& spot, const Need& need);
  void give_back(const Spot& spot, const Need& need);

  using May = std::function<bool(std::size_t node)>;
  // Of the spots that hold it and whose node may have it, the one where the least stays free.
  [[nodiscard]] std::optional<Spot> tightest(const Need& need, const May& may) const;
  // The spots of the need's kind, the most free first.
  [[nodiscard]] std::vector<Spot> widest(const Need& need, std::size_t most) const;

 private:
  using BySize = std::set<std::pair<Bytes, Spot>>;
  void change(const Spot& spot, const Need& need, bool taking);
  const std::vector<Node>& nodes_;
  std::vector<Bytes> host_;
  std::vector<std::vector<Bytes>> devices_;
  std::map<std::string, BySize> by_size_;  // by kind; "" are the hosts
};

}  // namespace plimsoll::place
