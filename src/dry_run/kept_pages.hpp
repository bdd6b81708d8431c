// KeptPages: memory of a process that makes dry runs stays with it from one to the next.
#pragma once
#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>

namespace plimsoll::dry_run {

// For a process of which nothing stays: a context of many tokens takes some 50 bytes of host memory for each of its
// cells, is cleared, and goes; the next dry run clears as much again. Most of that time is the system's, for pages that
// it gives for the first time. So what was freed is kept, whatever its size. What is free on the host is said as it
// will be when this process has ended.
class KeptPages {
 public:
  KeptPages();
  // `free` is larger by what this process has taken since. Of host memory.
  [[nodiscard]] device::MemoryReading without_them(device::MemoryReading reading) const;

 private:
  Bytes at_start_;
};

}  // namespace plimsoll::dry_run
