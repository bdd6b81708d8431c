#include "host/host_log.hpp"

#include <fmt/format.h>

#include <chrono>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

namespace plimsoll::host {

namespace {

Bytes size_of(const HostEvent& event) { return Bytes{sizeof(HostEvent) + event.model.size() + event.why.size()}; }

}  // namespace

void HostLog::drop_oldest_locked() {
  held_ -= size_of(events_.front());
  events_.pop_front();
  ++dropped_;
}

bool HostLog::drop_oldest() {
  const MutexLock lock(mutex_);
  if (events_.empty()) return false;
  drop_oldest_locked();
  return true;
}

Bytes HostLog::held() const {
  const MutexLock lock(mutex_);
  return held_;
}

void HostLog::append(HostEvent event) {
  std::vector<Listener> listeners;
  {
    const MutexLock lock(mutex_);
    event.sequence = next_++;
    event.at = clock_.now();
    if (event.kind == HostEventKind::moved) {
      const auto [since, is_new] = since_.try_emplace(event.model, event.at);
      event.ms = std::chrono::duration<double, std::milli>(event.at - since->second).count();
      since->second = event.at;
    }
    events_.push_back(event);
    held_ += size_of(event);
    if (events_.size() > capacity_) drop_oldest_locked();
    listeners = listeners_;
  }
  for (const Listener& listener : listeners) {
    try {
      listener(event);
    } catch (const std::exception& error) {
      log::error("host", "a listener of the log failed: {}", error.what());
    } catch (...) {
      log::error("host", "a listener of the log failed");
    }
  }
}

void HostLog::moved(const std::string& model, ModelState from, ModelState to, Bytes bytes, std::string why) {
  append({.kind = HostEventKind::moved, .model = model, .from = from, .to = to, .bytes = bytes, .why = std::move(why)});
}

void HostLog::refused(const std::string& model, ModelState state, std::string why) {
  append(
      {.kind = HostEventKind::refused, .model = model, .from = state, .to = state, .bytes = {}, .why = std::move(why)});
}

std::vector<HostEvent> HostLog::events(std::uint64_t after) const {
  std::vector<HostEvent> out;
  const MutexLock lock(mutex_);
  for (const HostEvent& event : events_) {
    if (event.sequence > after) out.push_back(event);
  }
  return out;
}

std::uint64_t HostLog::dropped() const {
  const MutexLock lock(mutex_);
  return dropped_;
}

HostLog::HostLog(const Clock& clock, Listener listener) : HostLog(clock) {
  if (listener) listen(std::move(listener));
}

void HostLog::listen(Listener listener) {
  const MutexLock lock(mutex_);
  listeners_.push_back(std::move(listener));
}

std::map<std::string, ModelState> replay(const std::vector<HostEvent>& events) {
  std::map<std::string, ModelState> states;
  for (const HostEvent& event : events) {
    if (event.kind != HostEventKind::moved) continue;
    const auto known = states.find(event.model);
    const bool follows = known == states.end() || known->second == event.from;
    if (!follows || !may_follow(event.from, event.to)) {
      throw Error(ErrorCode::usage, fmt::format("event {}: '{}' cannot go from {} to {}", event.sequence, event.model,
                                                to_string(event.from), to_string(event.to)));
    }
    states[event.model] = event.to;
  }
  return states;
}

}  // namespace plimsoll::host
