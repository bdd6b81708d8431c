#include "huge_pages.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace plimsoll::gauge {
namespace {

constexpr std::size_t kWorthIt = std::size_t{4} << 20U;

// ggml's plain CPU buffer type names no device.
bool is_cpus_own(ggml_backend_buffer_type_t type) {
  ggml_backend_dev_t device = ggml_backend_buft_get_device(type);
  return ggml_backend_buft_is_host(type) &&
         (device == nullptr || ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU);
}

}  // namespace

void prefer_huge_pages(ggml_backend_buffer_t buffer) noexcept {
  const std::size_t size = ggml_backend_buffer_get_size(buffer);
  if (size < kWorthIt || !is_cpus_own(ggml_backend_buffer_get_type(buffer))) return;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(ggml_backend_buffer_get_base(buffer));
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + size) / page * page;
  if (first < last) (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

}  // namespace plimsoll::gauge
