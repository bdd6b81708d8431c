#include "watchdog.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "own_memory.hpp"

namespace plimsoll::worker {
namespace {

// A storm of allocations is faster than the look; what is counted is what has been touched by then.
constexpr std::chrono::milliseconds kLook{20};

// With the last words that the host reads. Nothing is torn down: whatever hangs would be waited for.
[[noreturn]] void end_process(const std::string& why) {
  constexpr int kStatus = 70;
  const std::string line = why + "\n";
  (void)!::write(STDERR_FILENO, line.data(), line.size());
  _exit(kStatus);
}

}  // namespace

Watchdog::Watchdog(Limits limits) : limits_(limits) {
  if (limits_ != Limits{}) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void Watchdog::watch(const run::DecodeLoop& loop) {
  const std::lock_guard lock(mutex_);
  loops_.push_back(&loop);
}

void Watchdog::forget(const run::DecodeLoop* loop) {
  const std::lock_guard lock(mutex_);
  std::erase(loops_, loop);
}

void Watchdog::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, stop, kLook, [] { return false; }) && !stop.stop_requested()) look();
}

void Watchdog::look() {
  if (limits_.most_decode_time) {
    for (const run::DecodeLoop* loop : loops_) {
      const auto took = loop->decoding_for();
      if (took && *took > *limits_.most_decode_time)
        end_process(fmt::format("a batch has been decoded for more than {} ms", limits_.most_decode_time->count()));
    }
  }
  if (limits_.most_host_memory && own_memory() > *limits_.most_host_memory)
    end_process(fmt::format("more than {} of host memory", format_bytes(*limits_.most_host_memory)));
}

}  // namespace plimsoll::worker
