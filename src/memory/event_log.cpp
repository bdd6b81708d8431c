#include "memory/event_log.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <istream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string_view>

#include <fmt/format.h>

#include "base/read_lines.hpp"

namespace plimsoll::memory {
namespace {

constexpr std::array<std::pair<EventKind, std::string_view>, 11> kNames{{
    {EventKind::budget_set, "budget_set"},
    {EventKind::reserved, "reserved"},
    {EventKind::released, "released"},
    {EventKind::taken, "taken"},
    {EventKind::given_back, "given_back"},
    {EventKind::mapped, "mapped"},
    {EventKind::unmapped, "unmapped"},
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

Tag tag_of(const nlohmann::json& line) {
  const auto stage = stage_from_string(line.at("stage").get<std::string>());
  if (!stage) throw std::invalid_argument("unknown stage");
  return {.device = device::DeviceId{line.at("device")},
          .owner = line.at("owner"),
          .stage = *stage,
          .buffer = line.at("buffer")};
}

Event event_of(const nlohmann::json& line) {
  const auto kind = kind_of(line.at("kind").get<std::string>());
  if (!kind) throw std::invalid_argument("unknown kind");
  return {.sequence = whole(line, "sequence"),
          .at = Clock::TimePoint{std::chrono::duration_cast<Clock::TimePoint::duration>(
              std::chrono::nanoseconds(line.at("at_ns").get<std::int64_t>()))},
          .kind = *kind,
          .tag = tag_of(line),
          .bytes = Bytes{whole(line, "bytes")}};
}

Entry entry_of(const nlohmann::json& line) {
  return {.tag = tag_of(line),
          .planned = Bytes{whole(line, "planned")},
          .taken = {.current = Bytes{whole(line, "current")},
                    .peak = Bytes{whole(line, "peak")},
                    .total = Bytes{whole(line, "total")}},
          .allocations = whole(line, "allocations"),
          .charged = line.at("charged").get<bool>()};
}

void write_tag(nlohmann::ordered_json& line, const Tag& tag) {
  line["device"] = tag.device.name();
  line["owner"] = tag.owner;
  line["stage"] = to_string(tag.stage);
  line["buffer"] = tag.buffer;
}

}  // namespace

void EntryTable::set(const Entry& entry) { at(entry.tag, entry.charged) = entry; }

Entry& EntryTable::at(const Tag& tag, bool charged) {
  Entry& entry = entries_[{tag, !charged}];
  entry.tag = tag;
  entry.charged = charged;
  return entry;
}

void EntryTable::apply(const Event& event) {
  switch (event.kind) {
    case EventKind::reserved:
      at(event.tag, true).planned += event.bytes;
      return;
    case EventKind::released:
      at(event.tag, true).planned -= event.bytes;
      return;
    case EventKind::taken:
    case EventKind::mapped: {
      Entry& entry = at(event.tag, event.kind == EventKind::taken);
      entry.taken.add(event.bytes);
      ++entry.allocations;
      return;
    }
    case EventKind::given_back:
    case EventKind::unmapped:
      at(event.tag, event.kind == EventKind::given_back).taken.remove(event.bytes);
      return;
    case EventKind::budget_set:
    case EventKind::refused:
    case EventKind::sealed:
    case EventKind::unsealed:
    case EventKind::seal_violation:
      return;
  }
}

std::vector<Entry> EntryTable::entries() const {
  std::vector<Entry> out;
  for (const auto& [key, entry] : entries_) out.push_back(entry);
  return out;
}

EventLog::EventLog(const Clock& clock, std::size_t capacity) : clock_(clock), capacity_(capacity) {}

void EventLog::append(EventKind kind, const Tag& tag, Bytes bytes) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    push({.sequence = next_, .at = clock_.now(), .kind = kind, .tag = tag, .bytes = bytes});
    ++next_;
    if (size_ > capacity_) drop_oldest();
  } catch (...) {
    ++lost_;
  }
}

void EventLog::push(Event event) {
  if (chunks_.empty() || chunks_.back()->size() == kChunk) {
    auto chunk = std::make_shared<Chunk>();
    chunk->reserve(std::min(kChunk, capacity_ + 1));
    chunks_.push_back(std::move(chunk));
  }
  chunks_.back()->push_back(std::move(event));
  ++size_;
}

void EventLog::drop_oldest() {
  try {
    before_.apply(chunks_.front()->at(first_));
  } catch (...) {  // an earlier event was lost, or there is no memory
    ++lost_;
  }
  ++dropped_;
  --size_;
  if (++first_ < kChunk) return;
  chunks_.pop_front();
  first_ = 0;
}

EventRecord EventLog::record() const {
  EventRecord record;
  std::vector<std::shared_ptr<const Chunk>> full;
  Chunk last;
  std::size_t first = 0;
  {
    const std::lock_guard lock(mutex_);
    record.before = before_.entries();
    first = first_;
    if (!chunks_.empty()) {
      full.assign(chunks_.begin(), std::prev(chunks_.end()));
      last = *chunks_.back();
    }
  }
  for (const auto& chunk : full) {
    record.events.insert(record.events.end(), chunk->begin() + static_cast<std::ptrdiff_t>(first), chunk->end());
    first = 0;
  }
  record.events.insert(record.events.end(), last.begin() + static_cast<std::ptrdiff_t>(first), last.end());
  return record;
}

std::uint64_t EventLog::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

std::uint64_t EventLog::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void write_events(std::ostream& out, const EventRecord& record) {
  for (const Entry& entry : record.before) {
    nlohmann::ordered_json line;
    write_tag(line, entry.tag);
    line["planned"] = entry.planned.value();
    line["current"] = entry.taken.current.value();
    line["peak"] = entry.taken.peak.value();
    line["total"] = entry.taken.total.value();
    line["allocations"] = entry.allocations;
    line["charged"] = entry.charged;
    out << line.dump() << '\n';
  }
  for (const Event& event : record.events) {
    nlohmann::ordered_json line;
    line["sequence"] = event.sequence;
    line["at_ns"] = std::chrono::duration_cast<std::chrono::nanoseconds>(event.at.time_since_epoch()).count();
    line["kind"] = name_of(event.kind);
    write_tag(line, event.tag);
    line["bytes"] = event.bytes.value();
    out << line.dump() << '\n';
  }
}

std::expected<EventRecord, std::string> read_events(std::istream& in) {
  EventRecord record;
  const auto read = read_lines(in, "an event", [&record](const std::string& text) {
    const nlohmann::json line = nlohmann::json::parse(text);
    if (line.contains("planned")) {
      record.before.push_back(entry_of(line));
    } else {
      record.events.push_back(event_of(line));
    }
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return record;
}

std::vector<Entry> replay(const EventRecord& record) {
  EntryTable table;
  for (const Entry& entry : record.before) table.set(entry);
  for (const Event& event : record.events) table.apply(event);
  return table.entries();
}

}  // namespace plimsoll::memory
