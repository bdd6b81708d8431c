// EventLog: what happened to memory, in order, one line each; can be written out and replayed to the same ledger.
#pragma once
#include <cstdint>
#include <expected>
#include <iosfwd>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/base/clock.hpp>
#include <plimsoll/memory/ledger.hpp>
#include <plimsoll/memory/tag.hpp>

namespace plimsoll::memory {

enum class EventKind { line_set, reserved, released, taken, given_back, refused, sealed, unsealed, seal_violation };

struct Event {
  std::uint64_t sequence = 0;  // from 1, without gaps
  Clock::TimePoint at{};
  EventKind kind = EventKind::taken;
  Tag tag;  // for line_set only the device is filled in; for sealed and unsealed only the owner
  Bytes bytes;

  friend bool operator==(const Event&, const Event&) = default;
};

// Append-only and bounded: the oldest events are dropped beyond `capacity` and counted; so is an event that cannot be
// written (no memory): whoever moves bytes must not fail for the sake of its log. Any thread.
class EventLog {
 public:
  explicit EventLog(const Clock& clock, std::size_t capacity = 100'000);

  void append(EventKind kind, const Tag& tag, Bytes bytes) noexcept;
  [[nodiscard]] std::vector<Event> events() const;
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  const Clock& clock_;
  std::size_t capacity_;
  mutable std::mutex mutex_;
  std::vector<Event> events_;
  std::uint64_t next_ = 1;
  std::uint64_t dropped_ = 0;
};

// One JSON object a line. `read` answers with the line number and a sentence where the text is not such a log.
void write_events(std::ostream& out, const std::vector<Event>& events);
[[nodiscard]] std::expected<std::vector<Event>, std::string> read_events(std::istream& in);

// Plays events onto fresh books; the entries it ends with equal those of the ledger that was recorded.
[[nodiscard]] std::vector<Entry> replay(const std::vector<Event>& events);

}  // namespace plimsoll::memory
