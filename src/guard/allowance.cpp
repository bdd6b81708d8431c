#include "guard/allowance.hpp"

#include <algorithm>

namespace plimsoll::guard {

Bytes Allowance::left(const device::DeviceId& memory) const {
  const std::lock_guard lock(mutex_);
  const auto found = changes_.find(memory);
  return found == changes_.end() ? Bytes{} : found->second.left;
}

void Allowance::settle() noexcept {
  const std::lock_guard lock(mutex_);
  for (auto& [memory, change] : changes_) {
    if (change.unsaid > Bytes{}) machine_.placed(memory, change.unsaid);
    if (change.left > Bytes{}) machine_.release(memory, change.left);
    change = {};
  }
}

// A little more than is missing, so that the next ones need not ask; where that is not to be had, what is missing.
std::expected<void, memory::Refusal> Allowance::reserve(const std::vector<More>& wanted) {
  const std::lock_guard lock(mutex_);
  std::map<device::DeviceId, Bytes> sums;
  for (const More& more : wanted) sums[more.memory] += more.bytes;
  std::vector<More> missing;
  std::vector<More> with_a_step;
  for (const auto& [memory, bytes] : sums) {
    const Bytes short_of = saturating_sub(bytes, changes_[memory].left);
    if (short_of == Bytes{}) continue;
    missing.push_back({.memory = memory, .bytes = short_of});
    with_a_step.push_back({.memory = memory, .bytes = bytes < kStep ? short_of + kStep : short_of});
  }
  const std::vector<More>* granted = &with_a_step;
  if (!missing.empty() && !machine_.reserve(with_a_step)) {
    auto exactly = machine_.reserve(missing);
    if (!exactly) return exactly;
    granted = &missing;
  }
  for (const More& more : *granted) changes_[more.memory].left += more.bytes;
  for (const auto& [memory, bytes] : sums) changes_[memory].left -= bytes;
  return {};
}

void Allowance::reserve_anyway(const device::DeviceId& memory, Bytes bytes) noexcept {
  machine_.reserve_anyway(memory, bytes);
}

void Allowance::release(const device::DeviceId& memory, Bytes bytes) noexcept {
  const std::lock_guard lock(mutex_);
  Change& change = changes_[memory];
  change.left += bytes;
  if (change.left <= kStep) return;
  machine_.release(memory, change.left - kStep);
  change.left = kStep;
}

void Allowance::placed(const device::DeviceId& memory, Bytes bytes) noexcept {
  const std::lock_guard lock(mutex_);
  Change& change = changes_[memory];
  change.unsaid += bytes;
  if (change.unsaid <= kStep) return;
  machine_.placed(memory, change.unsaid);
  change.unsaid = {};
}

// What was never said to be there needs no word when it goes.
void Allowance::leaving(const device::DeviceId& memory, Bytes bytes) noexcept {
  const std::lock_guard lock(mutex_);
  Change& change = changes_[memory];
  const Bytes of_unsaid = std::min(change.unsaid, bytes);
  change.unsaid -= of_unsaid;
  if (bytes > of_unsaid) machine_.leaving(memory, bytes - of_unsaid);
}

}  // namespace plimsoll::guard
