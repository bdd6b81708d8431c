// ComputeGroup: models that share a device's compute buffers. One loop computes for all of them, one batch of each in
// turn, in one set of compute buffers.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.hpp"
#include "memory/reservation.hpp"
#include "plan/plan.hpp"
#include "run/decode_loop.hpp"
#include "run/instance.hpp"
#include "run/memory_accounting.hpp"
#include "tracker/shared_compute_buffers.hpp"

namespace plimsoll::run {

// Any thread.
class ComputeGroup {
 public:
  // `compute_buffers`: see FreeCapacity::compute_buffers_of_group(); empty for a model that shares with nobody, which
  // has its compute group's loop only.
  ComputeGroup(MemoryAccounting& accounting, std::string name,
               std::vector<memory::Ledger::PlannedEntry> compute_buffers);
  ~ComputeGroup();
  ComputeGroup(const ComputeGroup&) = delete;
  ComputeGroup& operator=(const ComputeGroup&) = delete;

  // A model's membership. The first one takes the compute buffers from the accounting; the last one gives them back.
  class Member;
  // Throws memory::Refused where the compute buffers do not fit.
  [[nodiscard]] std::unique_ptr<Member> join();
  [[nodiscard]] bool is_empty() const;  // it has no members
  [[nodiscard]] const DecodeLoop& loop() const noexcept { return loop_; }
  // Its compute buffers are exactly these.
  [[nodiscard]] bool is_made_for(const std::vector<memory::Ledger::PlannedEntry>& compute_buffers) const;
  // Its compute buffers are large enough for these: see plan::compute_buffers_of().
  [[nodiscard]] bool holds(const std::map<std::pair<device::DeviceId, std::string>, Bytes>& compute) const;

 private:
  void take_compute_buffers();
  void close_seal();
  void leave();

  MemoryAccounting& accounting_;
  std::string name_;
  std::vector<memory::Ledger::PlannedEntry> entries_;  // of the compute buffers
  mutable Mutex members_mutex_;
  std::size_t members_ PLIMSOLL_GUARDED_BY(members_mutex_) = 0;
  memory::Reservation reservation_;
  std::unique_ptr<tracker::SharedComputeBuffers> compute_buffers_;
  DecodeLoop loop_;  // the last member: its thread clears the compute buffers
};

class ComputeGroup::Member {
 public:
  explicit Member(ComputeGroup& compute_group) : compute_group_(compute_group) {}
  ~Member() { compute_group_.leave(); }  // after its instance
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  // Its instance is sealed: the compute buffers may only be what they are now.
  void seal() { compute_group_.close_seal(); }
  [[nodiscard]] Sharing sharing() noexcept {
    return {.compute_buffers = compute_group_.compute_buffers_.get(), .loop = &compute_group_.loop_};
  }

 private:
  ComputeGroup& compute_group_;
};

}  // namespace plimsoll::run
