#include "memory/seal.hpp"

#include <utility>

#include "memory/event_log.hpp"

namespace plimsoll::memory {
namespace {

Tag whole(const std::string& owner) { return {.device = {}, .owner = owner, .stage = {}, .buffer = {}}; }

}  // namespace

void Seal::note(EventKind kind, const Tag& tag, Bytes bytes) const {
  if (log_ != nullptr) log_->append(kind, tag, bytes);
}

void Seal::close(const std::string& owner) {
  const std::lock_guard lock(mutex_);
  if (closed_.insert(owner).second) note(EventKind::sealed, whole(owner), {});
}

void Seal::open(const std::string& owner) {
  const std::lock_guard lock(mutex_);
  if (closed_.erase(owner) > 0) note(EventKind::unsealed, whole(owner), {});
}

bool Seal::closed(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  return closed_.contains(owner);
}

Seal::Exchange::Exchange(Seal& seal, std::string owner) : seal_(seal), owner_(std::move(owner)) {
  const std::lock_guard lock(seal_.mutex_);
  seal_.exchanging_.insert(owner_);
}

Seal::Exchange::~Exchange() {
  const std::lock_guard lock(seal_.mutex_);
  seal_.exchanging_.erase(seal_.exchanging_.find(owner_));
}

void Seal::record(const SealViolation& violation) {
  const std::lock_guard lock(mutex_);
  if (!violation.refused && exchanging_.contains(violation.tag.owner)) return;
  SealCounts& counts = counts_[violation.tag.owner];
  ++(violation.refused ? counts.refused_after_seal : counts.allocations_after_seal);
  note(EventKind::seal_violation, violation.tag, violation.bytes);
}

SealCounts Seal::counts(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(owner);
  return found == counts_.end() ? SealCounts{} : found->second;
}

}  // namespace plimsoll::memory
