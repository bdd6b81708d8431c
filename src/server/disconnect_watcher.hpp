// DisconnectWatcher: notices clients that go away while their request is at work or waits, and stops it.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace plimsoll::server {

class DisconnectWatcher {
 public:
  using Gone = std::function<bool()>;

  DisconnectWatcher();
  ~DisconnectWatcher() = default;
  DisconnectWatcher(const DisconnectWatcher&) = delete;
  DisconnectWatcher& operator=(const DisconnectWatcher&) = delete;

  // One request: while this lives, its client is looked at some times a second.
  class Watch;
  // `gone` is called on another thread until Watch ends; where it throws, nobody has gone. `limit`: stopped after
  // that long, too; none: never.
  [[nodiscard]] std::unique_ptr<Watch> watch(Gone gone, std::optional<std::chrono::seconds> limit = {});
  void stop_all();  // the server is ending; who comes after this is stopped at once

 private:
  struct Entry {
    Gone gone;
    std::optional<std::chrono::steady_clock::time_point> until;
    std::stop_source source;
    std::atomic<bool> timed_out = false;
  };
  void look(const std::stop_token& stop);
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::list<Entry> entries_;
  bool is_over_ = false;
  std::jthread thread_;  // last: ends first
};

class DisconnectWatcher::Watch {
 public:
  Watch(DisconnectWatcher& all, std::list<Entry>::iterator entry) : all_(all), entry_(entry) {}
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  [[nodiscard]] std::stop_token token() const { return entry_->source.get_token(); }
  // Its client is there still; it was stopped since its time was over.
  [[nodiscard]] bool timed_out() const noexcept { return entry_->timed_out; }

 private:
  DisconnectWatcher& all_;
  std::list<Entry>::iterator entry_;
};

}  // namespace plimsoll::server
