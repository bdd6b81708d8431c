// Watch: looks at one sample after the other and says what deserves attention. Pure: no clock, no device, no log.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <plimsoll/monitor/sample.hpp>
#include "base/clock.hpp"
#include "host/fleet.hpp"
#include "monitor/thresholds.hpp"

namespace plimsoll::monitor {

// One thread.
class Watch {
 public:
  explicit Watch(host::Thresholds thresholds = {}, Margins margins = {}) : thresholds_(thresholds), margins_(margins) {}

  // The next sample. The first one is compared with nothing: levels begin below, seal counts at 0.
  [[nodiscard]] std::vector<Alert> look(const Sample& sample);

  void set_thresholds(host::Thresholds thresholds);

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
