// Watch: looks at one sample after the other and says what deserves attention. Pure: no clock, no device, no log.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <plimsoll/host/fleet.hpp>
#include <plimsoll/monitor/sample.hpp>
#include <plimsoll/monitor/thresholds.hpp>
#include "base/clock.hpp"

namespace plimsoll::monitor {

enum class AlertKind {
  threshold,  // a level of a budget was reached or left
  foreign,    // others leave less free than what is promised to our models
  drift,      // this process holds more than its ledger says, and more than it did
  seal,       // something was allocated, or refused, after a seal
  low_water,  // never was less memory free
};
inline constexpr std::array kAlertKinds{AlertKind::threshold, AlertKind::foreign, AlertKind::drift, AlertKind::seal,
                                        AlertKind::low_water};
[[nodiscard]] std::string_view to_string(AlertKind kind) noexcept;

enum class Severity { notice, warning, serious };
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

struct Alert {
  Clock::TimePoint at{};  // of the sample
  AlertKind kind = AlertKind::threshold;
  Severity severity = Severity::notice;
  std::string device{};                                          // empty: it is about no device
  std::string model{};                                           // or another owner; empty: it is about none
  std::vector<std::pair<std::string, std::uint64_t>> numbers{};  // behind the sentence; bytes and counts
  std::string sentence{};
};

struct Margins {
  // foreign: said where free < reserved but not taken + this; said again only after twice this was free in between.
  Bytes foreign{std::uint64_t{64} << 20U};
  // drift: what this process may grow beyond its ledger after the last load, eviction or alert. The host's allocator
  // alone moves some megabytes; a leaked buffer is larger.
  Bytes drift{std::uint64_t{64} << 20U};
  // low_water: said where free is below the lowest said so far by this or by 1 % of the device, whichever is more.
  Bytes low_water{std::uint64_t{64} << 20U};
};

// One thread.
class Watch {
 public:
  explicit Watch(host::Thresholds thresholds = {}, Margins margins = {}) : thresholds_(thresholds), margins_(margins) {}

  // The next sample. The first one is compared with nothing: levels begin below, seal counts at 0.
  [[nodiscard]] std::vector<Alert> look(const Sample& sample);

  // The least that was ever free, by device; a device whose free memory is unknown is absent.
  [[nodiscard]] const std::map<std::string, Bytes>& lowest_free() const noexcept { return lowest_; }

 private:
  void note_lowest(const DeviceSample& device);
  void look_at_budget(const Sample& sample, const DeviceSample& device);
  void look_at_level(const Sample& sample, const DeviceSample& device, const char* whose, Bytes used);
  void look_at_promises(const Sample& sample, const DeviceSample& device);
  void look_at_drift(const Sample& sample);
  void look_at_seal(const Sample& sample, const OwnerSample& owner);
  void look_at_free(const Sample& sample, const DeviceSample& device);
  Alert& alert(const Sample& sample, AlertKind kind, Severity severity);

  host::Thresholds thresholds_;
  Margins margins_;
  std::vector<Alert> found_;
  std::map<std::pair<std::string, std::string>, ThresholdWatch> levels_;  // by device, and whose bytes
  std::set<std::string> threatened_;                                      // devices that foreign was said of
  std::vector<std::pair<host::ModelState, std::uint64_t>> moves_;         // state and loads of each model, last time
  std::map<std::string, Bytes> beyond_ledger_;                            // by device: where drift is counted from
  std::map<std::string, memory::SealCounts> seals_;
  std::map<std::string, Bytes> lowest_;
  std::map<std::string, Bytes> lowest_said_;
};

}  // namespace plimsoll::monitor
