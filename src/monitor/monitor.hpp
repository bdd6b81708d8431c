// Monitor: samples a host on a beat, keeps the last samples and alerts, counts, and speaks up.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "host/host.hpp"
#include "memory/charge.hpp"
#include "monitor/counters.hpp"
#include "monitor/take_sample.hpp"
#include "monitor/watch.hpp"

namespace plimsoll::monitor {

struct MonitorOptions {
  // From one sample to the next; 0: no thread, only sample_now(). docs/monitoring.md says what a sample costs.
  std::chrono::milliseconds beat{1000};
  std::size_t history = 600;  // samples that are kept: ten minutes of seconds; fewer where the host's budget is short
  std::size_t alerts = 200;   // alerts that are kept
  Margins margins{};
  // Told each alert, after it was counted and logged, on the thread that sampled, with no lock held: it may use the
  // monitor and the host. What it throws is logged.
  std::function<void(const Alert&)> on_alert{};
};

// What a monitor looks at.
struct Subject {
  std::function<Sample()> take_sample;
  memory::Thresholds thresholds;
  memory::Ledger& ledger;  // for the history's own bytes
};

// Any thread. Host, or what the subject refers to, outlives it. A sample that fails is logged, and the next beat tries
// again.
class Monitor {
 public:
  explicit Monitor(host::Host& host, MonitorOptions options = {});
  explicit Monitor(Subject subject, MonitorOptions options = {});
  ~Monitor();  // waits for the sample that is being taken
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // From the next sample on; levels that were reached before count as new.
  void set_thresholds(memory::Thresholds thresholds);

  // A sample between the beats, watched, counted and kept like the others. Throws what take_sample() throws.
  Sample sample_now();

  // The latest; empty before the first beat.
  [[nodiscard]] std::optional<Sample> latest() const;
  // The latest `most` that are kept, oldest first.
  [[nodiscard]] std::vector<Sample> history(std::size_t most = SIZE_MAX) const;
  [[nodiscard]] std::vector<Alert> alerts() const;  // oldest first
  // Those that came after the first `count` there ever were, as far as they are kept; then `count` is how many there
  // ever were. For who follows them: a clock that is set back hides none.
  [[nodiscard]] std::vector<Alert> alerts_after(std::uint64_t& count) const;
  [[nodiscard]] Counters counters() const;

 private:
  void beat(const std::stop_token& stop);
  void keep(const Sample& sample, const std::vector<Alert>& alerts);
  void keep_in_history(const Sample& sample);
  void drop_oldest_sample();
  void tell(const Alert& alert) const;
  [[nodiscard]] std::map<std::string, Pace> paces() const;  // with the lock held

  std::function<Sample()> take_sample_;
  MonitorOptions options_;
  std::mutex sampling_;  // one sample at a time, so that the watch sees them in order
  Watch watch_;
  mutable std::mutex mutex_;
  std::deque<Sample> history_;
  Bytes history_bytes_;
  memory::Charge charge_;  // of the history
  std::deque<Alert> alerts_;
  std::uint64_t alerts_ever_ = 0;
  Counters counters_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: ends before what it uses
};

}  // namespace plimsoll::monitor
