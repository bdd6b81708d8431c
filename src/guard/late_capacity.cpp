#include "guard/late_capacity.hpp"

namespace plimsoll::guard {

void LateCapacity::hold(const std::string& owner) {
  const std::lock_guard lock(mutex_);
  held_.insert(owner);
}

void LateCapacity::let_grow(const std::string& owner) {
  const std::lock_guard lock(mutex_);
  held_.erase(owner);
}

bool LateCapacity::is_held(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  return held_.contains(owner);
}

// Host memory has no budget unless one is asked for, and rows of logits lie there, of which a program may want more at
// any time.
std::expected<void, memory::Refusal> LateCapacity::try_acquire(const memory::Tag& tag, Bytes bytes) {
  if (!seal_.closed(tag.owner)) return next().try_acquire(tag, bytes);
  if (!tag.device.is_host() && is_held(tag.owner)) return sealed_.try_acquire(tag, bytes);
  auto granted = next().try_acquire(tag, bytes);
  seal_.record({.tag = tag, .bytes = bytes, .refused = !granted.has_value()});
  return granted;
}

}  // namespace plimsoll::guard
