#include "monitor/monitor.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.hpp"

namespace plimsoll::monitor {
namespace {

constexpr const char* kComponent = "monitor";

log::Level level_of(Severity severity) {
  switch (severity) {
    case Severity::notice:
      return log::Level::info;
    case Severity::warning:
      return log::Level::warn;
    case Severity::serious:
      return log::Level::error;
  }
  return log::Level::error;
}

template <class Value>
void keep_last(std::deque<Value>& kept, Value value, std::size_t most) {
  kept.push_back(std::move(value));
  while (kept.size() > most) kept.pop_front();
}

}  // namespace

Monitor::Monitor(host::Host& host, MonitorOptions options)
    : Monitor({.take_sample = [&host, devices = devices_of(host)] { return take_sample(host, devices); },
               .thresholds = host.fleet()->thresholds,
               .ledger = host.accounting().ledger()},
              std::move(options)) {}

Monitor::Monitor(Subject subject, MonitorOptions options)
    : take_sample_(std::move(subject.take_sample)),
      options_(std::move(options)),
      watch_(subject.thresholds, options_.margins),
      charge_(subject.ledger, memory::on_the_heap(memory::kRecords, memory::Stage::bookkeeping)) {
  if (options_.beat > options_.beat.zero()) thread_ = std::jthread([this](const std::stop_token& stop) { beat(stop); });
}

Monitor::~Monitor() = default;

void Monitor::set_thresholds(memory::Thresholds thresholds) {
  const std::lock_guard lock(sampling_);
  watch_.set_thresholds(thresholds);
}

Sample Monitor::sample_now() {
  Sample sample;
  std::vector<Alert> alerts;
  {
    const std::lock_guard lock(sampling_);
    sample = take_sample_();
    alerts = watch_.look(sample);
    keep(sample, alerts);
  }
  for (const Alert& alert : alerts) tell(alert);
  return sample;
}

void Monitor::keep(const Sample& sample, const std::vector<Alert>& alerts) {
  const std::lock_guard lock(mutex_);
  ++counters_.samples;
  counters_.lowest_free = watch_.lowest_free();
  keep_in_history(sample);
  for (const Alert& alert : alerts) {
    ++counters_.alerts[alert.kind];
    keep_last(alerts_, alert, options_.alerts);
    ++alerts_ever_;
  }
}

// The latest stays, whatever the budget says: it is what others ask for.
void Monitor::keep_in_history(const Sample& sample) {
  history_.push_back(sample);
  history_bytes_ += size_of(history_.back());
  while (history_.size() > options_.history) drop_oldest_sample();
  while (!charge_.resize(memory::in_steps(history_bytes_)) && history_.size() > 1) drop_oldest_sample();
}

void Monitor::drop_oldest_sample() {
  history_bytes_ -= size_of(history_.front());
  history_.pop_front();
}

void Monitor::tell(const Alert& alert) const {
  if (log::level() <= level_of(alert.severity)) log::write(level_of(alert.severity), kComponent, alert.sentence);
  if (!options_.on_alert) return;
  try {
    options_.on_alert(alert);
  } catch (const std::exception& error) {
    log::error(kComponent, "an alert's listener failed: {}", error.what());
  } catch (...) {
    log::error(kComponent, "an alert's listener failed");
  }
}

void Monitor::beat(const std::stop_token& stop) {
  auto next = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    try {
      (void)sample_now();
    } catch (const std::exception& error) {
      log::warn(kComponent, "a sample failed: {}", error.what());
    } catch (...) {
      log::warn(kComponent, "a sample failed");
    }
    // Beats that a slow sample missed are left out, not made up for.
    next = std::max(next + options_.beat, std::chrono::steady_clock::now());
    std::unique_lock lock(mutex_);
    (void)wake_.wait_until(lock, stop, next, [] { return false; });
  }
}

std::optional<Sample> Monitor::latest() const {
  const std::lock_guard lock(mutex_);
  return history_.empty() ? std::nullopt : std::optional(history_.back());
}

std::vector<Sample> Monitor::history(std::size_t most) const {
  const std::lock_guard lock(mutex_);
  const std::size_t count = std::min(most, history_.size());
  return {history_.end() - static_cast<std::ptrdiff_t>(count), history_.end()};
}

std::vector<Alert> Monitor::alerts() const {
  const std::lock_guard lock(mutex_);
  return {alerts_.begin(), alerts_.end()};
}

std::vector<Alert> Monitor::alerts_after(std::uint64_t& count) const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t news = alerts_ever_ - std::min(std::exchange(count, alerts_ever_), alerts_ever_);
  const auto kept = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(news, alerts_.size()));
  return {alerts_.end() - kept, alerts_.end()};
}

Counters Monitor::counters() const {
  const std::lock_guard lock(mutex_);
  Counters out = counters_;
  out.paces = paces();
  return out;
}

std::map<std::string, Pace> Monitor::paces() const {
  std::map<std::string, Pace> out;
  if (history_.size() < 2) return out;
  const Sample& now = history_.back();
  const auto first_within = [&](std::chrono::seconds time) -> const Sample& {
    return *std::ranges::find_if(history_, [&](const Sample& sample) { return now.at - sample.at <= time; });
  };
  const auto last_before = [&](std::chrono::seconds time) -> const Sample& {
    const auto older = std::ranges::find_last_if(history_, [&](const Sample& at) { return now.at - at.at >= time; });
    return older.empty() ? history_.front() : older.front();
  };
  const Sample& before = last_before(kRateOver);
  const Sample& a_minute_ago = first_within(kFirstTokensOver);
  for (const ModelSample& model : now.models) {
    Pace pace = rates_between(before, now, model.status.name);
    pace.first_token_ms = mean_first_token_ms(a_minute_ago, now, model.status.name);
    out.emplace(model.status.name, pace);
  }
  return out;
}

}  // namespace plimsoll::monitor
