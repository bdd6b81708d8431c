// DryRunSource: anything that can answer what a configuration takes. Plans are made of its answers.
#pragma once
#include <vector>

#include <plimsoll/device/device.hpp>
#include "dry_run/dry_run.hpp"

namespace plimsoll::dry_run {

// A device with its reading, as the process that makes the dry runs sees it.
struct DeviceView {
  device::DeviceInfo info;
  device::MemoryReading reading;
  friend bool operator==(const DeviceView&, const DeviceView&) = default;
};

// One thread at a time. Throws Error: usage (parameters that contradict each other or the file), model_unusable,
// unsupported, and what is particular to a subclass.
class DryRunSource {
 public:
  virtual ~DryRunSource() = default;
  [[nodiscard]] virtual DryRun dry_run(const DryRunRequest& request) = 0;
  [[nodiscard]] virtual std::vector<DeviceView> devices() = 0;
  // No question is expected soon: what the source holds on devices is given back. The next question may take longer.
  virtual void rest() {}
};

// Lets the source rest at the end of a scope, also where an exception leaves it.
class RestAfterwards {
 public:
  explicit RestAfterwards(DryRunSource& dry_runs) noexcept : dry_runs_(dry_runs) {}
  ~RestAfterwards() { dry_runs_.rest(); }
  RestAfterwards(const RestAfterwards&) = delete;
  RestAfterwards& operator=(const RestAfterwards&) = delete;

 private:
  DryRunSource& dry_runs_;
};

}  // namespace plimsoll::dry_run
