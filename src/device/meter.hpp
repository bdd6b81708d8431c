// Meter: what is held on a model's devices, as the probes see it: the runtime stage, which passes no hook.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>
#include "device/probe.hpp"

namespace plimsoll::device {

// Whose use a figure counts. Figures of different kinds are never subtracted.
enum class Whose {
  this_process,
  everybody,  // total less free: other processes' use and the driver's own share are in it
  unknown,
};

// What one reading says of one memory: every kind of figure that its probes have, and who said it.
struct MemoryUse {
  std::optional<Bytes> this_process;
  std::optional<Bytes> everybody;
  bool unlisted = false;  // as MemoryReading says it
  std::string own_source;
  std::string source;
};
[[nodiscard]] MemoryUse use_of(const std::optional<MemoryReading>& reading);

// How much more a memory was used at the later of two readings, or how much less; both 0 where it is unknown.
struct Growth {
  Bytes bytes;
  Bytes shrunk;
  Whose whose = Whose::unknown;
};
// This process's own use where both readings can tell it, by one probe: a process that a probe did not list, and lists
// at the other reading, used nothing. Else everybody's, where both readings tell that by the same probes. Pure.
[[nodiscard]] Growth growth(const MemoryUse& before, const MemoryUse& after);

// Several devices; those that share a memory (a card that two backends offer; the host's) are one, and read once. Any
// thread; the probe outlives the meter.
class Meter {
 public:
  Meter(const Probe& probe, std::vector<DeviceInfo> devices);

  // One for each memory, in the order of memories().
  using Reading = std::vector<MemoryUse>;
  [[nodiscard]] Reading read() const;

  // The device that stands for each memory: the first accelerator that has it, else the host.
  [[nodiscard]] const std::vector<DeviceInfo>& memories() const noexcept { return memories_; }
  // "RssAnon + RssShmem of this process" and the like, for reports.
  [[nodiscard]] std::string how() const;

 private:
  const Probe& probe_;
  std::vector<DeviceInfo> memories_;
};

// How much more `after` says than `before`, summed over the memories that grew; those that shrank count as 0.
[[nodiscard]] Bytes growth(const Meter::Reading& before, const Meter::Reading& after);

}  // namespace plimsoll::device
