#include "compute_group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include <plimsoll/base/error.hpp>
#include "host/free_capacity.hpp"

namespace plimsoll::host {
ComputeGroup::ComputeGroup(run::MemoryAccounting& accounting, std::string name,
                           std::vector<memory::Ledger::PlannedEntry> compute_buffers)
    : accounting_(accounting),
      name_(std::move(name)),
      entries_(std::move(compute_buffers)),
      thread_([this](const std::stop_token& stop) { work_off(stop); }) {}

ComputeGroup::~ComputeGroup() = default;

std::unique_ptr<ComputeGroup::Member> ComputeGroup::join() {
  const std::lock_guard lock(members_mutex_);
  if (members_ == 0) take_compute_buffers();
  accounting_.seal().open(owner_of_group(name_));  // it may be the first that needs one of the buffer types
  ++members_;
  try {
    return std::make_unique<Member>(*this);
  } catch (...) {
    --members_;
    throw;
  }
}

bool ComputeGroup::is_empty() const {
  const std::lock_guard lock(members_mutex_);
  return members_ == 0;
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
  auto reservation = accounting_.ledger().reserve(owner_of_group(name_), entries_);
  if (!reservation)
    throw memory::Refused(std::move(reservation.error()),
                          fmt::format("taking the compute buffers of compute group '{}'", name_));
  tracker::SharedComputeBuffers::Sizes sizes;
  for (const memory::Ledger::PlannedEntry& entry : entries_) sizes.emplace_back(entry.tag.buffer, entry.bytes);
  compute_buffers_ =
      std::make_unique<tracker::SharedComputeBuffers>(accounting_.tracker(), owner_of_group(name_), std::move(sizes));
  reservation_ = std::move(*reservation);
}

void ComputeGroup::close_seal() {
  const std::lock_guard lock(members_mutex_);
  if (compute_buffers_) accounting_.seal().close(owner_of_group(name_));
}

void ComputeGroup::leave() {
  const std::lock_guard lock(members_mutex_);
  if (--members_ > 0 || !compute_buffers_) return;
  compute_buffers_.reset();
  accounting_.seal().open(owner_of_group(name_));
  reservation_.release();
}

// The device was left idle by the turn before (Instance synchronises at its end), so only what is in the compute
// buffers matters.
void ComputeGroup::hand_over(const Member* next) {
  if (last_member_ == next->number()) return;
  last_member_ = next->number();
  if (compute_buffers_) compute_buffers_->clear();
}

void ComputeGroup::work_off(const std::stop_token& stop) {
  for (;;) {
    Job* job = nullptr;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [&] { return !queue_.empty(); })) return;
      job = queue_.front();
      queue_.pop_front();
    }
    try {
      hand_over(job->whose);
      (*job->work)();
    } catch (...) {
      job->failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    job->done = true;
    done_.notify_all();
  }
}

void ComputeGroup::compute(const Member* whose, const std::function<void()>& work) {
  if (std::this_thread::get_id() == thread_.get_id()) return work();  // inside a turn
  Job job{.whose = whose, .work = &work};
  {
    std::unique_lock lock(mutex_);
    queue_.push_back(&job);
    wake_.notify_one();
    done_.wait(lock, [&] { return job.done; });
  }
  if (job.failure) std::rethrow_exception(job.failure);
}

ComputeGroup::Member::Member(ComputeGroup& compute_group) : compute_group_(compute_group) {
  static std::atomic<std::uint64_t> next{1};
  number_ = next.fetch_add(1);
}

ComputeGroup::Member::~Member() { compute_group_.leave(); }

}  // namespace plimsoll::host
