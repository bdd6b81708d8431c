// Moment: what the machine's ledger said before a device was read.
#pragma once
#include <memory>
#include <vector>

namespace plimsoll::broker {

// A value; made by MachineLedger::moment().
class Moment {
 public:
  Moment() = default;

 private:
  friend class MachineLedger;
  struct Placed;
  std::shared_ptr<const std::vector<Placed>> placed_;
};

}  // namespace plimsoll::broker
