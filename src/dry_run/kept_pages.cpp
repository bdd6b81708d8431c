#include "kept_pages.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>

namespace plimsoll::dry_run {
namespace {

// That are in no file.
Bytes pages_of_this_process() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  if (!(file >> all >> resident >> shared)) return {};
  return Bytes{(resident - std::min(resident, shared)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))};
}

}  // namespace

KeptPages::KeptPages() : at_start_(pages_of_this_process()) {
#ifdef __GLIBC__
  (void)mallopt(M_MMAP_MAX, 0);  // a block that is mapped by itself is unmapped when it is freed
  (void)mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

device::MemoryReading KeptPages::without_them(device::MemoryReading reading) const {
  const Bytes now = pages_of_this_process();
  if (!reading.total || !reading.free || now <= at_start_) return reading;
  reading.free = std::min(*reading.total, *reading.free + (now - at_start_));
  return reading;
}

}  // namespace plimsoll::dry_run
