// Budget: how far a device may be filled by us.
#pragma once
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>

namespace plimsoll::memory {

// A share of a device's total: above 0 and at most 100.
class Percent {
 public:
  // Throws Error{usage} for anything else, NaN included: such a budget would refuse nothing.
  constexpr explicit Percent(double value) : value_(value) {
    if (!(value > 0 && value <= 100)) throw_out_of_range(value);
  }
  [[nodiscard]] constexpr double value() const noexcept { return value_; }

 private:
  [[noreturn]] static void throw_out_of_range(double value);
  double value_;
};

// How a budget is asked for. No device means: every accelerator.
struct BudgetRequest {
  std::optional<device::DeviceId> device;
  std::variant<Bytes, Percent> amount;
  bool shared = false;  // what all Plimsoll processes of the machine have reserved counts against it (docs/broker.md)
  // Of the host, and nobody has just asked for it: one without a device counts in its place on a machine that has no
  // accelerator.
  bool gives_way = false;
};

// "Vulkan0=8GiB", "90%", "CPU=50%,shared". The error is a sentence that names the text.
[[nodiscard]] std::expected<BudgetRequest, std::string> parse_budget(std::string_view text);

// Where an accelerator has no budget of its own: 90 % of its total, shared. The rest is for what cannot be planned:
// the desktop, other processes' growth, fragmentation. The host has no budget unless one is asked for.
inline constexpr Percent kDefaultAcceleratorBudget{90};

// Shares of a budget, above 0 and at most 1, from which on a monitor alerts. `warn` is not above `high`.
struct Thresholds {
  double warn = 0.85;
  double high = 0.95;
};
// A sentence where they are not so; empty: they are.
[[nodiscard]] std::string contradiction(const Thresholds& thresholds);

struct Budget {
  Bytes bytes;
  bool lowered = false;  // was above the device's total and has been lowered to it: worth a warning
  bool shared = false;   // with other processes
  friend bool operator==(const Budget&, const Budget&) = default;
};

// The budget of one device: the last request that names it, or the device that stands for its memory; else the last
// general one (accelerators only), else the default. Empty: no budget (the host), or the total is unknown and the
// request a percentage. Pure.
[[nodiscard]] std::optional<Budget> resolve_budget(const std::vector<BudgetRequest>& requests,
                                                   const device::DeviceInfo& device, std::optional<Bytes> total);

}  // namespace plimsoll::memory
