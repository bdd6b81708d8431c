#include "remote_return.hpp"

#include <algorithm>
#include <vector>

#include "base/log.hpp"

namespace plimsoll::host {

void RemoteReturn::wait_for(const std::string& model) {
  const std::lock_guard lock(mutex_);
  if (is_ending_) return;
  awaited_.insert(model);
  changed_.notify_all();
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void RemoteReturn::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void RemoteReturn::work(const std::stop_token& stop) {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !awaited_.empty(); })) return;
      if (changed_.wait_for(lock, stop, between_looks_, [&] { return stop.stop_requested(); })) return;
    }
    if (stop.stop_requested()) return;
    try {
      look();
    } catch (const std::exception& error) {
      log::warn("host", "whether a machine is back was not found out: {}", error.what());
    }
  }
}

// Leases of a model that is going may still have to end: it is waited for, too.
void RemoteReturn::look() {
  std::vector<std::string> models;
  {
    const std::lock_guard lock(mutex_);
    models.assign(awaited_.begin(), awaited_.end());
  }
  const bool answers = std::ranges::any_of(models, world_.has_failed) && world_.answers();
  for (const std::string& model : models) {
    const bool is_due = world_.has_failed(model);
    if (!is_due && world_.is_of_interest(model)) continue;
    if (is_due && !answers) continue;
    {
      const std::lock_guard lock(mutex_);
      awaited_.erase(model);
    }
    if (!is_due) continue;
    log::info("host", "'{}' is loaded again: the machines that it computes on answer", model);
    world_.load(model);
  }
}

}  // namespace plimsoll::host
