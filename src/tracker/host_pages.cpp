#include "host_pages.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "base/log.hpp"

namespace plimsoll::tracker {
namespace {

constexpr std::size_t kWorthHugePages = std::size_t{4} << 20U;

// Below this a second thread costs more than it saves; above it the kernel's clearing of pages is what takes long.
constexpr std::size_t kWorthAThread = std::size_t{256} << 20U;
constexpr std::size_t kMostThreads = 8;

// Small enough that a progress line moves (10 to 50 ms each, 2026-11), large enough that asking costs nothing.
constexpr std::size_t kPiece = std::size_t{64} << 20U;

constexpr int kMostRetries = 100;  // of a request that was interrupted

// ggml's plain CPU buffer type names no device.
bool is_cpus_own(ggml_backend_buffer_type_t type) {
  ggml_backend_dev_t device = ggml_backend_buft_get_device(type);
  return ggml_backend_buft_is_host(type) &&
         (device == nullptr || ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU);
}

// The whole pages inside a buffer.
struct Pages {
  std::uintptr_t first = 0;
  std::size_t bytes = 0;
};

Pages pages_of(ggml_backend_buffer_t buffer) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(ggml_backend_buffer_get_base(buffer));
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + ggml_backend_buffer_get_size(buffer)) / page * page;
  return {.first = first, .bytes = first < last ? last - first : 0};
}

int ask_the_kernel(void* first, std::size_t bytes) noexcept {
#ifdef MADV_POPULATE_WRITE
  return madvise(first, bytes, MADV_POPULATE_WRITE) == 0 ? 0 : errno;
#else
  (void)first;
  (void)bytes;
  return EINVAL;
#endif
}

std::atomic<Populate> populate{ask_the_kernel};

int ask(Pages pages) noexcept {
  int error = EINTR;
  for (int i = 0; i < kMostRetries && (error == EINTR || error == EAGAIN); ++i)
    error = populate.load(std::memory_order_relaxed)(reinterpret_cast<void*>(pages.first), pages.bytes);
  return error;
}

// Nobody else writes to a buffer that ggml has not handed out yet, but what has been copied into it (a type that takes
// its bytes from another one) stays. Nothing is added to each byte, and the compiler must not know that.
void write_to_each(Pages pages) noexcept {
  static const volatile unsigned char kNothing = 0;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (std::size_t at = 0; at < pages.bytes; at += page)
    std::atomic_ref(*reinterpret_cast<unsigned char*>(pages.first + at)).fetch_add(kNothing, std::memory_order_relaxed);
}

void say_once(int error) noexcept {
  static std::atomic_flag said;
  if (said.test_and_set()) return;
  try {
    log::info("tracker", "the kernel cannot be asked for pages (errno {}): a byte of each is written in its place",
              error);
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

// Pieces of a range, taken by whichever thread is free.
class Touching {
 public:
  Touching(Pages all, bool writable, const TouchProgress& progress) noexcept
      : all_(all), writable_(writable), progress_(progress) {}

  Touched with_threads(std::size_t threads) noexcept {
    {
      std::vector<std::jthread> helpers;
      try {
        while (helpers.size() + 1 < threads) helpers.emplace_back([this] { work(false); });
      } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no thread or no memory for one: fewer do it
      }
      work(true);
    }
    if (!missing_) tell();  // what the helpers did last
    return missing_ ? Touched::missing : Touched::there;
  }

 private:
  void work(bool tells) noexcept {
    for (std::size_t at = next_.fetch_add(kPiece); at < all_.bytes && !missing_; at = next_.fetch_add(kPiece)) {
      const Pages piece{.first = all_.first + at, .bytes = std::min(kPiece, all_.bytes - at)};
      touch(piece);
      done_.fetch_add(piece.bytes, std::memory_order_relaxed);
      if (tells) tell();
    }
  }

  void touch(Pages piece) noexcept {
    const int error = ask(piece);
    if (error == 0) return;
    if (error == ENOMEM || (writable_ && (error == EFAULT || error == EHWPOISON))) {
      missing_ = true;
    } else if (writable_) {
      say_once(error);
      write_to_each(piece);
    }
  }

  void tell() noexcept {
    if (!progress_ || all_.bytes <= kPiece) return;
    try {
      progress_(Bytes{done_.load(std::memory_order_relaxed)}, Bytes{all_.bytes});
    } catch (...) {  // NOLINT(bugprone-empty-catch): a line on a terminal is no reason to refuse memory
    }
  }

  const Pages all_;
  const bool writable_;
  const TouchProgress& progress_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> done_ = 0;
  std::atomic<bool> missing_ = false;
};

}  // namespace

void prefer_huge_pages(ggml_backend_buffer_t buffer) noexcept {
  if (ggml_backend_buffer_get_size(buffer) < kWorthHugePages || !is_cpus_own(ggml_backend_buffer_get_type(buffer)))
    return;
  const Pages pages = pages_of(buffer);
  if (pages.bytes > 0) (void)madvise(reinterpret_cast<void*>(pages.first), pages.bytes, MADV_HUGEPAGE);
}

Touched touch_pages(ggml_backend_buffer_t buffer, const TouchProgress& progress) noexcept {
  if (!ggml_backend_buffer_is_host(buffer)) return Touched::there;
  const Pages all = pages_of(buffer);
  return touch_range(reinterpret_cast<void*>(all.first), all.bytes, is_cpus_own(ggml_backend_buffer_get_type(buffer)),
                     progress);
}

Touched touch_range(void* first, std::size_t bytes, bool writable, const TouchProgress& progress) noexcept {
  if (bytes == 0) return Touched::there;
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t threads = std::clamp<std::size_t>(bytes / kWorthAThread, 1, std::min(cores, kMostThreads));
  Touching touching({.first = reinterpret_cast<std::uintptr_t>(first), .bytes = bytes}, writable, progress);
  return touching.with_threads(threads);
}

Populate exchange_populate(Populate next) noexcept { return populate.exchange(next); }

}  // namespace plimsoll::tracker
