#include <plimsoll/memory/event_log.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <istream>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string_view>

#include <fmt/format.h>

#include <plimsoll/base/read_lines.hpp>

namespace plimsoll::memory {
namespace {

constexpr std::array<std::pair<EventKind, std::string_view>, 9> kNames{{
    {EventKind::line_set, "line_set"},
    {EventKind::reserved, "reserved"},
    {EventKind::released, "released"},
    {EventKind::taken, "taken"},
    {EventKind::given_back, "given_back"},
    {EventKind::refused, "refused"},
    {EventKind::sealed, "sealed"},
    {EventKind::unsealed, "unsealed"},
    {EventKind::seal_violation, "seal_violation"},
}};

std::string_view name_of(EventKind kind) {
  return std::ranges::find(kNames, kind, [](const auto& pair) { return pair.first; })->second;
}

std::optional<EventKind> kind_of(std::string_view name) {
  const auto found = std::ranges::find(kNames, name, [](const auto& pair) { return pair.second; });
  return found == kNames.end() ? std::nullopt : std::optional(found->first);
}

// The JSON library would turn -1 and 1.5 into some number of bytes.
std::uint64_t whole(const nlohmann::json& line, const char* key) {
  const nlohmann::json& value = line.at(key);
  if (!value.is_number_unsigned()) throw std::invalid_argument(fmt::format("'{}' is not a whole number", key));
  return value.get<std::uint64_t>();
}

Event event_of(const nlohmann::json& line) {
  const auto kind = kind_of(line.at("kind").get<std::string>());
  const auto stage = stage_from_string(line.at("stage").get<std::string>());
  if (!kind || !stage) throw std::invalid_argument("unknown kind or stage");
  return {.sequence = whole(line, "sequence"),
          .at = Clock::TimePoint{std::chrono::duration_cast<Clock::TimePoint::duration>(
              std::chrono::nanoseconds(line.at("at_ns").get<std::int64_t>()))},
          .kind = *kind,
          .tag = {.device = device::DeviceId{line.at("device")},
                  .owner = line.at("owner"),
                  .stage = *stage,
                  .buffer = line.at("buffer")},
          .bytes = Bytes{whole(line, "bytes")}};
}

}  // namespace

EventLog::EventLog(const Clock& clock, std::size_t capacity) : clock_(clock), capacity_(capacity) {}

void EventLog::append(EventKind kind, const Tag& tag, Bytes bytes) noexcept {
  const std::lock_guard lock(mutex_);
  if (capacity_ == 0) {
    ++dropped_;
    return;
  }
  try {
    Event event{.sequence = next_, .at = clock_.now(), .kind = kind, .tag = tag, .bytes = bytes};
    if (events_.size() >= capacity_) {
      // Half at a time, so that a full log does not move all its events for every new one.
      const std::size_t drop = std::max<std::size_t>(1, capacity_ / 2);
      events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(drop));
      dropped_ += drop;
    }
    events_.push_back(std::move(event));
    ++next_;
  } catch (...) {
    ++dropped_;
  }
}

std::vector<Event> EventLog::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::uint64_t EventLog::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void write_events(std::ostream& out, const std::vector<Event>& events) {
  for (const Event& event : events) {
    const nlohmann::ordered_json line{
        {"sequence", event.sequence},
        {"at_ns", std::chrono::duration_cast<std::chrono::nanoseconds>(event.at.time_since_epoch()).count()},
        {"kind", name_of(event.kind)},
        {"device", event.tag.device.name()},
        {"owner", event.tag.owner},
        {"stage", to_string(event.tag.stage)},
        {"buffer", event.tag.buffer},
        {"bytes", event.bytes.value()}};
    out << line.dump() << '\n';
  }
}

std::expected<std::vector<Event>, std::string> read_events(std::istream& in) {
  return read_lines(in, "an event", [](const std::string& line) { return event_of(nlohmann::json::parse(line)); });
}

std::vector<Entry> replay(const std::vector<Event>& events) {
  std::map<Tag, Entry> books;
  for (const Event& event : events) {
    if (event.kind == EventKind::line_set || event.kind == EventKind::sealed || event.kind == EventKind::unsealed)
      continue;
    if (event.kind == EventKind::refused || event.kind == EventKind::seal_violation) continue;
    Entry& entry = books[event.tag];
    entry.tag = event.tag;
    switch (event.kind) {
      case EventKind::reserved:
        entry.planned += event.bytes;
        break;
      case EventKind::released:
        entry.planned -= event.bytes;
        break;
      case EventKind::taken:
        entry.taken.add(event.bytes);
        ++entry.allocations;
        break;
      case EventKind::given_back:
        entry.taken.remove(event.bytes);
        break;
      default:
        break;
    }
  }
  std::vector<Entry> out;
  for (auto& [tag, entry] : books) out.push_back(std::move(entry));
  return out;
}

}  // namespace plimsoll::memory
