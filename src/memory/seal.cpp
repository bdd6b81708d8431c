#include <plimsoll/memory/seal.hpp>

namespace plimsoll::memory {

void Seal::close(const std::string& owner) {
  const std::lock_guard lock(mutex_);
  closed_.insert(owner);
}

void Seal::open(const std::string& owner) {
  const std::lock_guard lock(mutex_);
  closed_.erase(owner);
}

bool Seal::closed(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  return closed_.contains(owner);
}

void Seal::record(SealViolation violation) {
  const std::lock_guard lock(mutex_);
  violations_.push_back(std::move(violation));
}

SealCounts Seal::counts(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  SealCounts counts;
  for (const SealViolation& violation : violations_) {
    if (violation.tag.owner != owner) continue;
    ++(violation.refused ? counts.refused_after_seal : counts.allocations_after_seal);
  }
  return counts;
}

std::vector<SealViolation> Seal::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

}  // namespace plimsoll::memory
