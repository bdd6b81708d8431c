// runtime_charge: what of a measured runtime stage is charged to its model, and what stays reserved for it.
#pragma once
#include <plimsoll/base/bytes.hpp>
#include "plan/runtime_floor.hpp"

#include "runtime_growth.hpp"

namespace plimsoll::run {

// What two readings of a process's own memory differ by though the same was done: pages of the heap that were free
// before, or are now. Seen between two loads of one 374 M model: 1.33 MiB (2026-11, AMD EPYC, glibc 2.42).
inline constexpr Bytes kNoiseOfHostReadings = 2_MiB;

struct RuntimeCharge {
  Bytes taken;
  Bytes reserved;
  friend bool operator==(const RuntimeCharge&, const RuntimeCharge&) = default;
};

// An incomplete warm-up may only have seen a part of it, and so may probes that saw less than a context: what was
// planned stays reserved where it is larger. What may be another's is not charged under this model's name, and a
// difference that is the reading's own refuses nobody. Pure.
[[nodiscard]] RuntimeCharge charge_of(const RuntimeGrowth::Figure& figure, plan::Worth worth, Bytes planned,
                                      bool complete);

}  // namespace plimsoll::run
