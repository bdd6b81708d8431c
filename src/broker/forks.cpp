// A forked child has its parent's memory, but does not stand in the ledger.
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>

#include "machine_ledger_impl.hpp"

namespace plimsoll::broker {
namespace {

constexpr int kNone = -1;
constexpr std::size_t kMostOpen = 8;

std::atomic<int> forks = 0;
std::array<std::atomic<int>, kMostOpen>& open_files() noexcept {
  static std::array<std::atomic<int>, kMostOpen> files{kNone, kNone, kNone, kNone, kNone, kNone, kNone, kNone};
  return files;
}

// Between fork and exec of a process of several threads: nothing but what signal handlers may call.
void in_the_child() noexcept {
  forks.fetch_add(1, std::memory_order_relaxed);
  for (std::atomic<int>& file : open_files()) {
    if (const int descriptor = file.exchange(kNone, std::memory_order_relaxed); descriptor >= 0)
      (void)::close(descriptor);
  }
}

}  // namespace

int forks_so_far() noexcept {
  static std::once_flag once;
  std::call_once(once, [] {
    (void)open_files();
    (void)::pthread_atfork(nullptr, nullptr, in_the_child);
  });
  return forks.load(std::memory_order_relaxed);
}

void close_in_children(int descriptor) noexcept {
  for (std::atomic<int>& file : open_files()) {
    int none = kNone;
    if (file.compare_exchange_strong(none, descriptor)) return;
  }
}

void forget_in_children(int descriptor) noexcept {
  for (std::atomic<int>& file : open_files()) {
    int known = descriptor;
    if (file.compare_exchange_strong(known, kNone)) return;
  }
}

}  // namespace plimsoll::broker
