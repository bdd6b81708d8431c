// EventLog: what happened to memory, in order, one line each; can be written out and replayed to the same ledger.
#pragma once
#include <cstdint>
#include <deque>
#include <expected>
#include <iosfwd>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/entry.hpp>
#include "base/clock.hpp"

namespace plimsoll::memory {

// What events do to a ledger's entries: charged ones apart from page cache.
class EntryTable {
 public:
  void set(const Entry& entry);
  void apply(const Event& event);  // throws Error where more is released, given back or unmapped than there is
  [[nodiscard]] std::vector<Entry> entries() const;  // sorted by tag, charged before page cache

 private:
  Entry& at(const Tag& tag, bool charged);
  std::map<std::pair<Tag, bool>, Entry> entries_;  // false before true: charged first
};

// Append-only and bounded: beyond `capacity` the oldest event is dropped, and what it did is kept in `before`, so that
// a record replays to the ledger however long ago it began. Appending takes the same time whether or not the log is
// full, and a reader holds it up for as long as copying one chunk takes: it is done under the ledger's lock, so that
// events stand in the ledger's order. Any thread.
class EventLog {
 public:
  explicit EventLog(const Clock& clock, std::size_t capacity = 100'000);

  // An allocation must not fail because of its log: an event that cannot be written (no memory) is lost.
  void append(EventKind kind, const Tag& tag, Bytes bytes) noexcept;
  [[nodiscard]] EventRecord record() const;
  [[nodiscard]] std::vector<Event> events() const { return record().events; }
  [[nodiscard]] std::uint64_t dropped() const;  // those that `before` stands for
  [[nodiscard]] std::uint64_t lost() const;     // those that nothing stands for: above 0, a replay is not the ledger

 private:
  static constexpr std::size_t kChunk = 1024;
  using Chunk = std::vector<Event>;  // of kChunk at most; a full one does not change any more

  void push(Event event);
  void drop_oldest();

  const Clock& clock_;
  std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<Chunk>> chunks_;
  std::size_t first_ = 0;  // of the first chunk: events before it are dropped
  std::size_t size_ = 0;
  EntryTable before_;
  std::uint64_t next_ = 1;
  std::uint64_t dropped_ = 0;
  std::uint64_t lost_ = 0;
};

// One JSON object a line: first the entries before, then the events. The error of `read` is a sentence with the line's
// number.
void write_events(std::ostream& out, const EventRecord& record);
[[nodiscard]] std::expected<EventRecord, std::string> read_events(std::istream& in);

// Plays the events onto what was before; the entries it ends with equal those of the ledger that was recorded.
[[nodiscard]] std::vector<Entry> replay(const EventRecord& record);

}  // namespace plimsoll::memory
