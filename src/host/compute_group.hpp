// ComputeGroup: models that take turns on a device. One thread computes for all of them, one model at a time, in the
// order in which they asked, and all compute in the same buffers.
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "memory/reservation.hpp"
#include "plan/plan.hpp"
#include "run/instance.hpp"
#include "run/memory_accounting.hpp"
#include "tracker/shared_compute_buffers.hpp"

namespace plimsoll::host {

// Any thread. The engine keeps a pool of CPU threads for each thread that computes, so one thread for a compute group
// is also one pool for its device.
class ComputeGroup {
 public:
  // `compute_buffers`: see FreeCapacity::compute_buffers_of_group(); empty for a model that shares with nobody, which
  // has its compute group's thread only.
  ComputeGroup(run::MemoryAccounting& accounting, std::string name,
               std::vector<memory::Ledger::PlannedEntry> compute_buffers);
  ~ComputeGroup();
  ComputeGroup(const ComputeGroup&) = delete;
  ComputeGroup& operator=(const ComputeGroup&) = delete;

  // A member's place. The first to come reserves and takes the compute buffers; the last to leave gives them back.
  class Member;
  // Throws memory::Refused where the compute buffers do not fit.
  [[nodiscard]] std::unique_ptr<Member> join();
  [[nodiscard]] bool is_empty() const;  // nobody has a place
  // Its buffers are large enough for these: see plan::compute_buffers_of().
  [[nodiscard]] bool holds(const std::map<std::pair<device::DeviceId, std::string>, Bytes>& compute) const;

 private:
  struct Job {
    const Member* whose;
    const std::function<void()>* work;
    std::exception_ptr failure{};
    bool done = false;
  };
  void take_compute_buffers();
  void close_seal();
  void leave();
  void compute(const Member* whose, const std::function<void()>& work);
  void work_off(const std::stop_token& stop);
  void hand_over(const Member* next);

  run::MemoryAccounting& accounting_;
  std::string name_;
  std::vector<memory::Ledger::PlannedEntry> entries_;  // of the compute buffers
  mutable std::mutex members_mutex_;
  std::size_t members_ = 0;
  memory::Reservation reservation_;
  std::unique_ptr<tracker::SharedComputeBuffers> compute_buffers_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::condition_variable done_;
  std::deque<Job*> queue_;
  std::uint64_t last_member_ = 0;
  std::jthread thread_;
};

class ComputeGroup::Member final : public run::Turns {
 public:
  explicit Member(ComputeGroup& compute_group);
  ~Member() override;  // after the instance that sat here
  // Its instance is sealed: the compute buffers may only be what it is now.
  void seal() { compute_group_.close_seal(); }
  void run(const std::function<void()>& work) override { compute_group_.compute(this, work); }
  [[nodiscard]] run::Sharing sharing() noexcept {
    return {.compute_buffers = compute_group_.compute_buffers_.get(), .turns = this};
  }
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

 private:
  ComputeGroup& compute_group_;
  std::uint64_t number_;  // never given twice
};

}  // namespace plimsoll::host
