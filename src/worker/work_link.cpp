// WorkLink: what the supervisor of a process does with an answer that is under way.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <plimsoll/base/error.hpp>

#include "remote_work.hpp"
#include "worker/rpc_errors.hpp"

namespace plimsoll::worker {

Error ended_its_process_twice(const std::string& model) {
  return {ErrorCode::model_crashed,
          fmt::format("this request has ended the process of '{}' twice, and is not tried again", model)};
}

void WorkLink::process_is_back(const std::shared_ptr<OpenModel>& open) {
  std::shared_ptr<RemoteWork::Inbound> inbound;
  std::size_t passed = 0;
  {
    const std::lock_guard lock(mutex_);
    if (work_ == nullptr) return;
    inbound = work_->inbound_;
    {
      const std::lock_guard of_inbound(inbound->mutex);
      if (inbound->begun && inbound->begun->open == open) return;
    }
    is_on_trial_ = is_suspect();
    passed = told_before_ + kLeastWindow;
    try {
      work_->begin_in(open, true);
    } catch (const WorkerGone&) {
      throw;
    } catch (...) {
      work_->over(std::current_exception());
      work_ = nullptr;
      return;
    }
    if (!is_on_trial_) return;
  }
  // A reader who does not read holds it back, and everybody who waits for the process.
  constexpr std::chrono::milliseconds kLook{20};
  constexpr std::chrono::seconds kMost{30};
  const auto until = std::chrono::steady_clock::now() + kMost;
  {
    std::unique_lock lock(inbound->mutex);
    const auto is_cleared = [&] {
      return inbound->is_over || inbound->work == nullptr || inbound->told.size() >= passed;
    };
    while (!inbound->changed.wait_for(lock, kLook, is_cleared) && std::chrono::steady_clock::now() < until) {
      if (open->life->is_over) throw WorkerGone();
    }
  }
  const std::lock_guard lock(mutex_);
  is_on_trial_ = false;
}

void WorkLink::note_death(const Life& life, bool by_itself) {
  const std::lock_guard lock(mutex_);
  const bool was_on_trial = std::exchange(is_on_trial_, false);
  if (work_ == nullptr) return;
  {
    const std::lock_guard of_inbound(work_->inbound_->mutex);
    const auto& begun = work_->inbound_->begun;
    if (!begun || begun->open->life.get() != &life) return;
    told_before_ = std::max(told_before_, work_->inbound_->told.size());
  }
  if (!by_itself) return;
  if (++deaths_ < 2 || !was_on_trial) return;
  work_->over(std::make_exception_ptr(ended_its_process_twice(work_->sequence_->model_name())));
  work_ = nullptr;
}

void WorkLink::fail(const Error& why) {
  const std::lock_guard lock(mutex_);
  if (work_ == nullptr) return;
  work_->over(std::make_exception_ptr(why));
  work_ = nullptr;
}

bool WorkLink::is_waited_for() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return true;
  if (work_ == nullptr) return false;
  const std::unique_lock of_inbound(work_->inbound_->mutex, std::try_to_lock);
  return !of_inbound || !work_->inbound_->is_over;
}

}  // namespace plimsoll::worker
