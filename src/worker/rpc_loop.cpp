#include "worker/rpc_loop.hpp"

#include "base/log.hpp"

namespace plimsoll::worker {

Inbox::Inbox() : tasks_(*this) { arm(); }

void Inbox::post(std::move_only_function<void()> job) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  if (jobs_.size() == 1) wake_->fulfill();
}

void Inbox::arm() {
  auto next = kj::newPromiseAndCrossThreadFulfiller<void>();
  tasks_.add(next.promise.then([this] { work_off(); }));
  const std::lock_guard lock(mutex_);
  wake_ = kj::mv(next.fulfiller);
  if (!jobs_.empty()) wake_->fulfill();
}

// False: there was nothing.
bool Inbox::work_off_once() {
  std::vector<std::move_only_function<void()>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(jobs_);
  }
  for (auto& job : jobs) {
    try {
      job();
    } catch (const std::exception& error) {
      log::error("worker", "work on the event loop failed: {}", error.what());
    } catch (...) {  // the others are done all the same
      log::error("worker", "work on the event loop failed with what is no exception of the standard");
    }
  }
  return !jobs.empty();
}

void Inbox::work_off() {
  (void)work_off_once();
  arm();
}

void Inbox::finish() {
  while (work_off_once()) {
  }
}

void Inbox::taskFailed(kj::Exception&& failure) {
  log::error("worker", "the event loop's work failed: {}", failure.getDescription().cStr());
}

RpcLoop::RpcLoop() {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_there = false;
  thread_ = std::thread([&] {
    auto io = kj::setupAsyncIo();
    Inbox inbox;
    auto stop = kj::newPromiseAndCrossThreadFulfiller<void>();
    {
      const std::lock_guard lock(mutex);
      inbox_ = &inbox;
      io_ = io.lowLevelProvider.get();
      stop_ = kj::mv(stop.fulfiller);
      is_there = true;
      changed.notify_one();
    }
    stop.promise.wait(io.waitScope);
    inbox.finish();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return is_there; });
}

void RpcLoop::require_another_thread() const {
  if (is_this_thread())
    throw Error(ErrorCode::usage,
                "prompt_progress is called while models in other processes answer: nothing can be asked of one inside "
                "it");
}

RpcLoop::~RpcLoop() {
  stop_->fulfill();
  thread_.join();
}

}  // namespace plimsoll::worker
