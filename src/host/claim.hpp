// Claim: in whose name a lease is asked for, and how much that counts beside others.
#pragma once
#include <string>

namespace plimsoll::host {

struct Claim {
  std::string tenant{};       // who shares slots with others; whoever names none is one tenant together
  double weight = 1;          // its share of what several tenants want
  int priority = 0;           // requests of a higher one come first
  double cost = 1;            // tokens that it is expected to take, until its lease says what it took
  bool may_give_way = false;  // its lease can be asked to go for a request of a higher priority, and comes back

  // Nothing of it orders requests: they are served as they come.
  [[nodiscard]] bool is_plain() const noexcept { return tenant.empty() && priority == 0; }
};

}  // namespace plimsoll::host
