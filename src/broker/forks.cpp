// A forked child has its parent's memory, but does not stand in the ledger.
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "machine_ledger_impl.hpp"

namespace plimsoll::broker {
namespace {

constexpr int kNone = -1;
constexpr int kClaimed = -2;
constexpr std::size_t kMostOpen = 8;

// A ledger's file: its descriptor, and which file that is, since the program may have closed it.
struct OpenFile {
  std::atomic<int> descriptor = kNone;
  std::atomic<std::uint64_t> device = 0;
  std::atomic<std::uint64_t> inode = 0;
};

std::atomic<int> forks = 0;
std::array<OpenFile, kMostOpen>& open_files() noexcept {
  static std::array<OpenFile, kMostOpen> files;
  return files;
}

void close_where_it_is_still_that(const OpenFile& file, int descriptor) noexcept {
  struct stat found{};
  if (::fstat(descriptor, &found) == 0 && found.st_dev == file.device && found.st_ino == file.inode)
    (void)::close(descriptor);
}

// Between fork and exec of a process of several threads: nothing but what signal handlers may call.
void in_the_child() noexcept {
  forks.fetch_add(1, std::memory_order_relaxed);
  for (OpenFile& file : open_files()) {
    if (const int descriptor = file.descriptor.exchange(kNone); descriptor >= 0)
      close_where_it_is_still_that(file, descriptor);
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
  struct stat found{};
  if (::fstat(descriptor, &found) != 0) return;
  for (OpenFile& file : open_files()) {
    int none = kNone;
    if (!file.descriptor.compare_exchange_strong(none, kClaimed)) continue;
    file.device = found.st_dev;
    file.inode = found.st_ino;
    file.descriptor = descriptor;
    return;
  }
}

void forget_in_children(int descriptor) noexcept {
  (void)std::ranges::any_of(open_files(), [&](OpenFile& file) {
    int known = descriptor;
    return file.descriptor.compare_exchange_strong(known, kNone);
  });
}

}  // namespace plimsoll::broker
