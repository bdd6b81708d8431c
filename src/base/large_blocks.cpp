#include "base/large_blocks.hpp"

#include <sys/mman.h>

namespace plimsoll {

void* allocate_block(std::size_t bytes) {
  if (bytes < kLargeBlock) return ::operator new(bytes);
  void* const block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) throw std::bad_alloc();  // NOLINT(performance-no-int-to-ptr)
  return block;
}

void free_block(void* block, std::size_t bytes) noexcept {
  if (bytes < kLargeBlock) return ::operator delete(block);
  (void)munmap(block, bytes);
}

}  // namespace plimsoll
