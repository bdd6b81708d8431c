#include "host/host_log.hpp"

#include <fmt/format.h>

#include <chrono>
#include <istream>
#include <nlohmann/json.hpp>
#include <ostream>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "base/read_lines.hpp"

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

void write_events(std::ostream& out, const std::vector<HostEvent>& events) {
  for (const HostEvent& event : events) {
    const nlohmann::ordered_json line{
        {"sequence", event.sequence},
        {"at_ns", std::chrono::duration_cast<std::chrono::nanoseconds>(event.at.time_since_epoch()).count()},
        {"kind", event.kind == HostEventKind::moved ? "moved" : "refused"},
        {"model", event.model},
        {"from", to_string(event.from)},
        {"to", to_string(event.to)},
        {"bytes", event.bytes.value()},
        {"ms", event.ms},
        {"why", event.why}};
    out << line.dump() << '\n';
  }
}

namespace {

HostEvent event_of(const nlohmann::json& line) {
  const auto from = model_state_from_string(line.at("from").get<std::string>());
  const auto to = model_state_from_string(line.at("to").get<std::string>());
  const std::string kind = line.at("kind");
  if (!from || !to || (kind != "moved" && kind != "refused")) throw std::invalid_argument("unknown kind or state");
  return {.sequence = line.at("sequence"),
          .at = Clock::TimePoint{std::chrono::duration_cast<Clock::TimePoint::duration>(
              std::chrono::nanoseconds(line.at("at_ns").get<std::int64_t>()))},
          .kind = kind == "moved" ? HostEventKind::moved : HostEventKind::refused,
          .model = line.at("model"),
          .from = *from,
          .to = *to,
          .bytes = Bytes{line.at("bytes").get<std::uint64_t>()},
          .ms = line.at("ms"),
          .why = line.at("why")};
}

}  // namespace

std::expected<std::vector<HostEvent>, std::string> read_events(std::istream& in) {
  return read_lines(in, "an event", [](const std::string& line) { return event_of(nlohmann::json::parse(line)); });
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
