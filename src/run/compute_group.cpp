#include "run/compute_group.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "memory/group_owner.hpp"

namespace plimsoll::run {

ComputeGroup::ComputeGroup(MemoryAccounting& accounting, std::string name,
                           std::vector<memory::Ledger::PlannedEntry> compute_buffers)
    : accounting_(accounting), name_(std::move(name)), entries_(std::move(compute_buffers)), loop_([this] {
        if (compute_buffers_) compute_buffers_->clear();  // one model's data are not the next one's to see
      }) {}

ComputeGroup::~ComputeGroup() = default;

std::unique_ptr<ComputeGroup::Member> ComputeGroup::join() {
  const MutexLock lock(members_mutex_);
  if (members_ == 0) take_compute_buffers();
  accounting_.seal().open(memory::owner_of_group(name_));  // it may be the first that needs one of the buffer types
  ++members_;
  try {
    return std::make_unique<Member>(*this);
  } catch (...) {
    --members_;
    throw;
  }
}

bool ComputeGroup::is_empty() const {
  const MutexLock lock(members_mutex_);
  return members_ == 0;
}

bool ComputeGroup::is_made_for(const std::vector<memory::Ledger::PlannedEntry>& compute_buffers) const {
  const auto same = [](const memory::Ledger::PlannedEntry& a, const memory::Ledger::PlannedEntry& b) {
    return a.tag.device == b.tag.device && a.tag.buffer == b.tag.buffer && a.bytes == b.bytes;
  };
  return std::ranges::equal(entries_, compute_buffers, same);
}

bool ComputeGroup::holds(const std::map<std::pair<device::DeviceId, std::string>, Bytes>& compute) const {
  return std::ranges::all_of(compute, [&](const auto& needed) {
    return std::ranges::any_of(entries_, [&](const memory::Ledger::PlannedEntry& entry) {
      return entry.tag.device == needed.first.first && entry.tag.buffer == needed.first.second &&
             entry.bytes >= needed.second;
    });
  });
}

void ComputeGroup::take_compute_buffers() {
  if (entries_.empty()) return;
  auto reservation = accounting_.ledger().reserve(memory::owner_of_group(name_), entries_);
  if (!reservation)
    throw memory::Refused(std::move(reservation.error()),
                          fmt::format("taking the compute buffers of compute group '{}'", name_));
  tracker::SharedComputeBuffers::Sizes sizes;
  for (const memory::Ledger::PlannedEntry& entry : entries_) sizes.emplace_back(entry.tag.buffer, entry.bytes);
  compute_buffers_ = std::make_unique<tracker::SharedComputeBuffers>(accounting_.tracker(),
                                                                     memory::owner_of_group(name_), std::move(sizes));
  reservation_ = std::move(*reservation);
}

void ComputeGroup::close_seal() {
  const MutexLock lock(members_mutex_);
  if (compute_buffers_) accounting_.seal().close(memory::owner_of_group(name_));
}

void ComputeGroup::leave() {
  const MutexLock lock(members_mutex_);
  if (--members_ > 0 || !compute_buffers_) return;
  compute_buffers_.reset();
  accounting_.seal().open(memory::owner_of_group(name_));
  reservation_.release();
}

}  // namespace plimsoll::run
