// HostLog: every change of a model's state and every refusal, in order; replayed, it gives the states again.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/host/status.hpp>
#include "base/clock.hpp"
#include "base/mutex.hpp"

namespace plimsoll::host {

enum class HostEventKind { moved, refused };

struct HostEvent {
  std::uint64_t sequence = 0;  // from 1, without gaps
  Clock::TimePoint at{};
  HostEventKind kind = HostEventKind::moved;
  std::string model;
  ModelState from = ModelState::absent;  // of a refusal: the state the model is in, twice
  ModelState to = ModelState::absent;
  Bytes bytes;      // charged bytes that the model holds now, on all devices
  double ms = 0;    // that the state before lasted
  std::string why;  // "for 'b'", "idle", or why something was refused

  friend bool operator==(const HostEvent&, const HostEvent&) = default;
};

// Append-only and bounded: beyond `capacity` the oldest are dropped and counted. Any thread.
class HostLog {
 public:
  static constexpr std::size_t kCapacity = 10'000;  // about 2 MiB
  // Called with each event, after it was appended, on the thread that caused it, without any lock held but the host's:
  // it must be quick and must not call the host. What it throws is logged.
  using Listener = std::function<void(const HostEvent&)>;
  explicit HostLog(const Clock& clock, std::size_t capacity = kCapacity) : clock_(clock), capacity_(capacity) {}
  HostLog(const Clock& clock, Listener listener);  // of all events

  void moved(const std::string& model, ModelState from, ModelState to, Bytes bytes, std::string why);
  void refused(const std::string& model, ModelState state, std::string why);

  // Those after that sequence number; 0: all there are.
  [[nodiscard]] std::vector<HostEvent> events(std::uint64_t after = 0) const;
  [[nodiscard]] std::uint64_t dropped() const;
  // What it takes of the heap, about.
  [[nodiscard]] Bytes held() const;
  bool drop_oldest();              // false: there is none
  void listen(Listener listener);  // of those from now on

 private:
  void append(HostEvent event);
  void drop_oldest_locked() PLIMSOLL_REQUIRES(mutex_);
  const Clock& clock_;
  std::size_t capacity_;
  mutable Mutex mutex_;
  std::deque<HostEvent> events_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<std::string, Clock::TimePoint> since_ PLIMSOLL_GUARDED_BY(mutex_);
  std::uint64_t next_ PLIMSOLL_GUARDED_BY(mutex_) = 1;
  std::uint64_t dropped_ PLIMSOLL_GUARDED_BY(mutex_) = 0;
  Bytes held_ PLIMSOLL_GUARDED_BY(mutex_);
  std::vector<Listener> listeners_ PLIMSOLL_GUARDED_BY(mutex_);
};

// The states that these events lead to. Throws Error{usage} where one does not follow from those before it.
[[nodiscard]] std::map<std::string, ModelState> replay(const std::vector<HostEvent>& events);

}  // namespace plimsoll::host
