#include <plimsoll/memory/capacity.hpp>

namespace plimsoll::memory {

std::expected<void, Denial> LedgerCapacity::try_acquire(const Tag& tag, Bytes bytes) {
  if (auto taken = ledger_.take(tag, bytes); !taken) return std::unexpected(Denial::over_line);
  return {};
}

void LedgerCapacity::release(const Tag& tag, Bytes bytes) noexcept { ledger_.give_back(tag, bytes); }

std::expected<void, Denial> SealedCapacity::try_acquire(const Tag& tag, Bytes bytes) {
  if (!seal_.closed(tag.owner)) return next_.try_acquire(tag, bytes);
  const std::lock_guard lock(mutex_);
  const bool inside = bytes <= ledger_.unused_reservation(tag.owner, tag.device);
  if (inside) {
    if (auto granted = next_.try_acquire(tag, bytes); !granted) return granted;
  }
  seal_.record({.tag = tag, .bytes = bytes, .refused = !inside});
  if (!inside) return std::unexpected(Denial::sealed);
  return {};
}

void SealedCapacity::release(const Tag& tag, Bytes bytes) noexcept { next_.release(tag, bytes); }

std::expected<void, Denial> TracedCapacity::try_acquire(const Tag& tag, Bytes bytes) {
  auto granted = next_.try_acquire(tag, bytes);
  log_.append(granted ? EventKind::taken : EventKind::refused, tag, bytes);
  return granted;
}

void TracedCapacity::release(const Tag& tag, Bytes bytes) noexcept {
  next_.release(tag, bytes);
  log_.append(EventKind::given_back, tag, bytes);
}

std::expected<void, Denial> RetryingCapacity::try_acquire(const Tag& tag, Bytes bytes) {
  auto granted = next_.try_acquire(tag, bytes);
  if (granted || granted.error() == Denial::sealed || !make_room_(tag, bytes)) return granted;
  return next_.try_acquire(tag, bytes);
}

void RetryingCapacity::release(const Tag& tag, Bytes bytes) noexcept { next_.release(tag, bytes); }

}  // namespace plimsoll::memory
