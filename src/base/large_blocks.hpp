// LargeBlockAllocator: for containers whose large blocks go back to the system as soon as they are freed.
#pragma once
#include <cstddef>
#include <limits>
#include <new>

namespace plimsoll {

// From this size on a block is a mapping of its own. The C library maps such blocks, too, but raises its limit for
// that to 32 MiB as it sees them freed, and keeps them in as many arenas as there are threads from then on.
inline constexpr std::size_t kLargeBlock = std::size_t{1} << 20U;

// Throw std::bad_alloc. `bytes` of free_block() are those of allocate_block(). Any thread.
[[nodiscard]] void* allocate_block(std::size_t bytes);
void free_block(void* block, std::size_t bytes) noexcept;

template <class T>
struct LargeBlockAllocator {
  using value_type = T;
  LargeBlockAllocator() = default;
  template <class U>
  LargeBlockAllocator(const LargeBlockAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(allocate_block(count * sizeof(T)));
  }
  void deallocate(T* block, std::size_t count) noexcept { free_block(block, count * sizeof(T)); }
  friend bool operator==(const LargeBlockAllocator&, const LargeBlockAllocator&) noexcept { return true; }
};

}  // namespace plimsoll
