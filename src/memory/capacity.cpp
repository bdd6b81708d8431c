#include "memory/capacity.hpp"

namespace plimsoll::memory {

std::expected<void, Refusal> LedgerCapacity::try_acquire(const Tag& tag, Bytes bytes) {
  return ledger_.take(tag, bytes);
}

void LedgerCapacity::release(const Tag& tag, Bytes bytes) noexcept { ledger_.give_back(tag, bytes); }
void LedgerCapacity::placed(const Tag& tag, Bytes bytes) noexcept { ledger_.placed(tag, bytes); }
void LedgerCapacity::leaving(const Tag& tag, Bytes bytes) noexcept { ledger_.leaving(tag, bytes); }

std::expected<void, Refusal> SealedCapacity::try_acquire(const Tag& tag, Bytes bytes) {
  if (!seal_.closed(tag.owner)) return next_.try_acquire(tag, bytes);
  const std::lock_guard lock(mutex_);
  const Ledger::Reserved reserved = ledger_.reserved(tag.owner, tag.device);
  const bool inside = bytes <= reserved.unused;
  if (inside) {
    if (auto granted = next_.try_acquire(tag, bytes); !granted) return granted;
  }
  seal_.record({.tag = tag, .bytes = bytes, .refused = !inside});
  if (inside) return {};
  return std::unexpected(Refusal{.by = RefusedBy::seal,
                                 .device = tag.device,
                                 .owner = tag.owner,
                                 .stage = tag.stage,
                                 .requested = bytes,
                                 .available = reserved.unused,
                                 .limit = reserved.bytes,
                                 .largest = ledger_.largest_on(tag.device)});
}

void SealedCapacity::release(const Tag& tag, Bytes bytes) noexcept { next_.release(tag, bytes); }
void SealedCapacity::placed(const Tag& tag, Bytes bytes) noexcept { next_.placed(tag, bytes); }
void SealedCapacity::leaving(const Tag& tag, Bytes bytes) noexcept { next_.leaving(tag, bytes); }

std::expected<void, Refusal> TracedCapacity::try_acquire(const Tag& tag, Bytes bytes) {
  auto granted = next_.try_acquire(tag, bytes);
  log_.append(granted ? EventKind::taken : EventKind::refused, tag, bytes);
  return granted;
}

void TracedCapacity::release(const Tag& tag, Bytes bytes) noexcept {
  next_.release(tag, bytes);
  log_.append(EventKind::given_back, tag, bytes);
}

void TracedCapacity::placed(const Tag& tag, Bytes bytes) noexcept { next_.placed(tag, bytes); }
void TracedCapacity::leaving(const Tag& tag, Bytes bytes) noexcept { next_.leaving(tag, bytes); }

std::expected<void, Refusal> RetryingCapacity::try_acquire(const Tag& tag, Bytes bytes) {
  auto granted = next_.try_acquire(tag, bytes);
  if (granted || granted.error().by == RefusedBy::seal || !evict_(tag, bytes)) return granted;
  return next_.try_acquire(tag, bytes);
}

void RetryingCapacity::release(const Tag& tag, Bytes bytes) noexcept { next_.release(tag, bytes); }
void RetryingCapacity::placed(const Tag& tag, Bytes bytes) noexcept { next_.placed(tag, bytes); }
void RetryingCapacity::leaving(const Tag& tag, Bytes bytes) noexcept { next_.leaving(tag, bytes); }

}  // namespace plimsoll::memory
