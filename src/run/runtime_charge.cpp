#include "runtime_charge.hpp"

#include <algorithm>

namespace plimsoll::run {

RuntimeCharge charge_of(const RuntimeGrowth::Figure& figure, plan::Worth worth, Bytes planned, bool complete) {
  const bool on_the_host = figure.memory.memory_is_hosts;
  const bool others_in_it = worth == plan::Worth::not_alone || (worth == plan::Worth::unconfirmed && on_the_host);
  const bool is_noise = on_the_host && planned > Bytes{} && figure.bytes <= planned + kNoiseOfHostReadings;
  const Bytes taken = others_in_it || is_noise ? std::min(figure.bytes, planned) : figure.bytes;
  const bool all_seen = complete && !others_in_it && worth != plan::Worth::below_floor;
  return {.taken = taken, .reserved = all_seen ? taken : std::max(taken, planned)};
}

}  // namespace plimsoll::run
