#include "memory/capacity.hpp"

namespace plimsoll::memory {

std::expected<void, Refusal> LedgerCapacity::try_acquire(const Tag& tag, Bytes bytes) {
  return ledger_.take(tag, bytes);
}

std::expected<void, Refusal> SealedCapacity::try_acquire(const Tag& tag, Bytes bytes) {
  if (!seal_.closed(tag.owner)) return next().try_acquire(tag, bytes);
  const std::lock_guard lock(mutex_);
  const Ledger::Reserved reserved = ledger_.reserved(tag.owner, tag.device);
  const bool inside = bytes <= reserved.unused;
  if (inside) {
    if (auto granted = next().try_acquire(tag, bytes); !granted) return granted;
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

}  // namespace plimsoll::memory
