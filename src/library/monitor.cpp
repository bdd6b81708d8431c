#include <plimsoll/monitor.hpp>

#include <utility>

#include <plimsoll/base/error.hpp>
#include "monitor/monitor.hpp"
#include "monitor/prometheus.hpp"
#include "monitor/report.hpp"
#include "monitor/take_sample.hpp"

#include "host_state.hpp"
#include "own_process.hpp"

namespace plimsoll {
namespace {

monitor::MonitorOptions monitor_options(MonitorOptions options) {
  return {.beat = options.interval,
          .history = options.history,
          .margins = options.margins,
          .on_alert = std::move(options.on_alert)};
}

monitor::Subject subject_of(Runtime::State& runtime, const memory::Thresholds& thresholds) {
  if (const std::string why = memory::contradiction(thresholds); !why.empty()) throw Error(ErrorCode::usage, why);
  std::vector<device::DeviceInfo> devices;
  {
    const std::lock_guard lock(runtime.planning);
    for (dry_run::DeviceView& device : runtime.dry_runs.devices()) devices.push_back(std::move(device.info));
  }
  run::MemoryAccounting& accounting = runtime.accounting;
  return {.take_sample =
              [&accounting, devices = std::move(devices)] {
                return monitor::take_sample(accounting, host::HostStatus{}, devices);
              },
          .thresholds = thresholds,
          .ledger = accounting.ledger()};
}

}  // namespace

struct Monitor::State {
  explicit State(std::shared_ptr<Host::State> of, MonitorOptions options)
      : host(std::move(of)), monitor(host->host, monitor_options(std::move(options))) {}
  explicit State(std::shared_ptr<Runtime::State> of, const MonitorOptions& options)
      : runtime(std::move(of)), monitor(subject_of(*runtime, options.thresholds), monitor_options(options)) {}

  std::shared_ptr<Host::State> host;  // one of the two; destroyed last
  std::shared_ptr<Runtime::State> runtime;
  monitor::Monitor monitor;
};

Monitor::Monitor(const Host& host, MonitorOptions options)
    : state_(std::make_unique<State>(host.state(), std::move(options))) {}
Monitor::Monitor(const Runtime& runtime, MonitorOptions options)
    : state_(std::make_unique<State>(runtime.state(), std::move(options))) {}
Monitor::Monitor(Monitor&&) noexcept = default;
Monitor& Monitor::operator=(Monitor&&) noexcept = default;
Monitor::~Monitor() = default;

Monitor::State& Monitor::state() const { return *library::held_here(state_, "monitor"); }

monitor::Sample Monitor::sample_now() { return state().monitor.sample_now(); }

std::optional<monitor::Sample> Monitor::latest() const { return state().monitor.latest(); }

std::vector<monitor::Sample> Monitor::history() const { return state().monitor.history(); }

std::vector<monitor::Alert> Monitor::alerts() const { return state().monitor.alerts(); }

std::string Monitor::prometheus() const {
  State& state = this->state();
  const monitor::Sample sample = state.monitor.latest().value_or(monitor::Sample{});
  return monitor::to_prometheus(sample, state.monitor.counters(),
                                state.host ? state.host->host.times() : std::map<std::string, host::ModelTimes>{});
}

std::string Monitor::json() const {
  State& state = this->state();
  const std::optional<monitor::Sample> sample = state.monitor.latest();
  return sample ? monitor::to_json(*sample, state.monitor.counters()).dump(2) : "null";
}

}  // namespace plimsoll
