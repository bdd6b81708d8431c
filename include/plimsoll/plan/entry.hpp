// Entry: one entry of a plan: what one model takes on one device, in one stage and buffer type.
#pragma once
#include <string>
#include <string_view>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>
#include <plimsoll/memory/entry.hpp>

namespace plimsoll::plan {

// Where a number comes from. exact: the engine's own arithmetic. measured: seen in this process. calibrated: measured
// earlier, on this device with this driver and engine, for this model and configuration. estimated: a rule of thumb.
// given: said by the caller (--runtime).
enum class Source { exact, measured, calibrated, estimated, given };
[[nodiscard]] std::string_view to_string(Source source) noexcept;

struct Entry {
  device::DeviceId device;
  std::string buffer;
  memory::Stage stage = memory::Stage::weights;
  Bytes bytes;
  Source source = Source::exact;
  bool charged = true;  // false: page cache, shown but counted against no budget
  friend bool operator==(const Entry&, const Entry&) = default;
};

}  // namespace plimsoll::plan
