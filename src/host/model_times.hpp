// ModelTimes: how long a model's requests waited, and how long it took to come and to go. A plain value.
#pragma once
#include "base/histogram.hpp"

namespace plimsoll::host {

// Since the host began.
struct ModelTimes {
  // From a request's arrival to its lease, 0 where there was nothing to wait for. Who got none is not counted.
  Histogram queue{kUpToAMinute};
  Histogram first_token{kUpToAMinute};  // from a request's arrival to the first token of its answer
  Histogram load{kUpToTenMinutes};      // of loads that succeeded: reservation to ready, its draft's included
  Histogram warm_up{kUpToTenMinutes};   // the part of each after the context was made
  Histogram eviction{kUpToTenMinutes};  // from swapping conversations out until the devices were read
};

}  // namespace plimsoll::host
