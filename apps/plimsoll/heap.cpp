#include "heap.hpp"

#include <cstdlib>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace plimsoll::app {

void give_large_blocks_back() noexcept {
#if defined(__GLIBC__)
  constexpr int kLarge = 1 << 20;
  (void)mallopt(M_MMAP_THRESHOLD, kLarge);  // given a value, it stays at it
#endif
}

}  // namespace plimsoll::app
