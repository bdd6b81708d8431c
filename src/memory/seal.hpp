// Seal: "from now on only what is already held". A mode of an owner, not of a device; testable without a GPU.
#pragma once
#include <map>
#include <mutex>
#include <set>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/entry.hpp>

namespace plimsoll::memory {

struct SealViolation {
  Tag tag;
  Bytes bytes;
  bool refused = false;  // false: it fitted inside the reservation, was let through and counted
};

class EventLog;

// Any thread.
class Seal {
 public:
  // Closing, opening and violations become events of `log`, where one is given; it outlives the seal.
  explicit Seal(EventLog* log = nullptr) : log_(log) {}

  void close(const std::string& owner);
  void open(const std::string& owner);  // forgets nothing: counts stay
  [[nodiscard]] bool closed(const std::string& owner) const;

  // While one lives, the owner gives buffers back and takes them anew on purpose: what lies inside its reservation is
  // counted as nothing. The seal outlives it.
  class Exchange {
   public:
    Exchange(Seal& seal, std::string owner);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

   private:
    Seal& seal_;
    std::string owner_;
  };

  void record(const SealViolation& violation);
  [[nodiscard]] SealCounts counts(const std::string& owner) const;

 private:
  void note(EventKind kind, const Tag& tag, Bytes bytes) const;

  EventLog* log_;
  mutable std::mutex mutex_;
  std::set<std::string> closed_;
  std::multiset<std::string> exchanging_;
  std::map<std::string, SealCounts> counts_;
};

}  // namespace plimsoll::memory
