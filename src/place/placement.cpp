#include "place/placement.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <plimsoll/base/error.hpp>

#include "placer.hpp"

namespace plimsoll::place {
namespace {

std::string where(const WayOut& way) {
  return way.device.empty() ? fmt::format("on {}", way.node) : fmt::format("on {} of {}", way.device, way.node);
}

}  // namespace

std::string to_sentence(const WayOut& way) {
  switch (way.kind) {
    case WayOut::Kind::other_need:
      return fmt::format("with {} it fits {}", way.flags, where(way));
    case WayOut::Kind::smaller:
      return fmt::format("{} less would fit {}, where most is free", format_bytes(way.bytes), where(way));
    case WayOut::Kind::more_host:
      return fmt::format("{} has room; {} lacks {} of host memory", way.device.empty() ? way.node : way.device,
                         way.node, format_bytes(way.bytes));
    case WayOut::Kind::instead_of:
      return fmt::format("it fits {} in the place of {}", where(way), fmt::join(way.models, ", "));
    case WayOut::Kind::other_node:
      return fmt::format("there is room {}, where it may not go (it avoids that node, or another replica is there)",
                         where(way));
  }
  return {};
}

Placement place(const Cluster& cluster, const std::vector<Placed>& before) {
  if (const auto wrong = contradictions(cluster); !wrong.empty())
    throw Error(ErrorCode::usage, fmt::format("{}", fmt::join(wrong, "; ")));
  return Placer(cluster, before).run();
}

}  // namespace plimsoll::place
