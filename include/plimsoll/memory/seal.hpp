// Seal: "from now on only what is already held". A mode of an owner, not of a device; testable without a GPU.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/tag.hpp>

namespace plimsoll::memory {

struct SealViolation {
  Tag tag;
  Bytes bytes;
  bool refused = false;  // false: it fitted inside the reservation, was let through and counted
};

struct SealCounts {
  std::uint64_t allocations_after_seal = 0;  // let through, inside the reservation
  std::uint64_t refused_after_seal = 0;
};

// Any thread.
class Seal {
 public:
  void close(const std::string& owner);
  void open(const std::string& owner);  // forgets nothing: counts stay
  [[nodiscard]] bool closed(const std::string& owner) const;

  void record(SealViolation violation);
  [[nodiscard]] SealCounts counts(const std::string& owner) const;
  [[nodiscard]] std::vector<SealViolation> violations() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> closed_;
  std::vector<SealViolation> violations_;
};

}  // namespace plimsoll::memory
