// Monitor: samples a host at an interval: its models, its ledger and its devices; alerts where a threshold is reached,
// others take what is promised, this process grows, or a seal is broken.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/host.hpp>
#include <plimsoll/monitor/sample.hpp>
#include <plimsoll/runtime.hpp>

namespace plimsoll {

struct MonitorOptions {
  std::chrono::milliseconds interval{1000};  // 0: no thread, only sample_now()
  std::size_t history = 600;                 // samples that are kept
  memory::Thresholds thresholds{};           // of a runtime's budgets; a host has its fleet's
  monitor::Margins margins{};
  // Told each alert, on the thread that sampled. It may use the monitor and the host.
  std::function<void(const monitor::Alert&)> on_alert{};
};

// Move-only; any thread. Holds what it watches. Its destructor ends its thread. Moved from, it throws Error{usage}.
class Monitor {
 public:
  explicit Monitor(const Host& host, MonitorOptions options = {});
  explicit Monitor(const Runtime& runtime, MonitorOptions options = {});  // devices, budgets and ledger alone
  Monitor(Monitor&&) noexcept;
  Monitor& operator=(Monitor&&) noexcept;
  ~Monitor();

  monitor::Sample sample_now();                                 // at once; kept, and looked at for alerts, like others
  [[nodiscard]] std::optional<monitor::Sample> latest() const;  // empty before the first
  [[nodiscard]] std::vector<monitor::Sample> history() const;   // oldest first
  [[nodiscard]] std::vector<monitor::Alert> alerts() const;     // oldest first
  [[nodiscard]] std::string prometheus() const;                 // the latest, as Prometheus' text format
  [[nodiscard]] std::string json() const;  // the latest, schema "plimsoll.status/1"; "null" before the first

  struct State;

 private:
  [[nodiscard]] State& state() const;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll
