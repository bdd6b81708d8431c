// Counters: what a monitor knows of more than one sample. A plain value.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include "monitor/pace.hpp"
#include "monitor/watch.hpp"

namespace plimsoll::monitor {

struct Counters {
  std::uint64_t samples = 0;
  std::map<AlertKind, std::uint64_t> alerts{};
  std::map<std::string, Bytes> lowest_free{};  // by device, where known
  std::map<std::string, Pace> paces{};         // by model, of the latest samples
};

}  // namespace plimsoll::monitor
