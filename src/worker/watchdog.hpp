// Watchdog: ends the process of a model where that is beyond its limits: its host starts it again.
#pragma once
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "run/decode_loop.hpp"
#include "worker/limits.hpp"

namespace plimsoll::worker {

// Any thread.
class Watchdog {
 public:
  explicit Watchdog(Limits limits);
  void watch(const run::DecodeLoop& loop);
  void forget(const run::DecodeLoop* loop);  // before it goes; null: nothing

 private:
  void work(const std::stop_token& stop);
  void look();

  const Limits limits_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<const run::DecodeLoop*> loops_;
  std::jthread thread_;  // the last member: it uses the others
};

}  // namespace plimsoll::worker
