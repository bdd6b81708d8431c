#include "host_pages.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace plimsoll::gauge {
namespace {

constexpr std::size_t kWorthHugePages = std::size_t{4} << 20U;

// Below this a second thread costs more than it saves; above it the kernel's clearing of pages is what takes long.
constexpr std::size_t kWorthAThread = std::size_t{256} << 20U;
constexpr std::size_t kMostThreads = 8;

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

void populate(Pages pages) noexcept {
#ifdef MADV_POPULATE_WRITE
  (void)madvise(reinterpret_cast<void*>(pages.first), pages.bytes, MADV_POPULATE_WRITE);
#endif
}

}  // namespace

void prefer_huge_pages(ggml_backend_buffer_t buffer) noexcept {
  if (ggml_backend_buffer_get_size(buffer) < kWorthHugePages || !is_cpus_own(ggml_backend_buffer_get_type(buffer)))
    return;
  const Pages pages = pages_of(buffer);
  if (pages.bytes > 0) (void)madvise(reinterpret_cast<void*>(pages.first), pages.bytes, MADV_HUGEPAGE);
}

void touch_pages(ggml_backend_buffer_t buffer) noexcept {
  if (!ggml_backend_buffer_is_host(buffer)) return;
  const Pages all = pages_of(buffer);
  if (all.bytes == 0) return;
  constexpr std::size_t kHugePage = std::size_t{2} << 20U;
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t shares = std::clamp<std::size_t>(all.bytes / kWorthAThread, 1, std::min(cores, kMostThreads));
  const std::size_t share = (all.bytes / shares + kHugePage - 1) / kHugePage * kHugePage;
  std::vector<std::jthread> helpers;
  std::size_t done = 0;
  try {
    for (; done + share < all.bytes; done += share)
      helpers.emplace_back([part = Pages{.first = all.first + done, .bytes = share}] { populate(part); });
  } catch (const std::exception&) {  // no thread or no memory for one: this thread does the rest
  }
  populate({.first = all.first + done, .bytes = all.bytes - done});
}

}  // namespace plimsoll::gauge
