#include "kept_pages.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>

namespace plimsoll::dry_run {
namespace {

constexpr Bytes kBlock = 96_MiB;

// A block of the size that the C library maps by itself, written to and freed.
void take_and_free() {
  const auto block = std::make_unique_for_overwrite<char[]>(kBlock.value());
  std::memset(block.get(), 1, kBlock.value());
  asm volatile("" : : "r"(block.get()) : "memory");
}

device::MemoryReading reading_of(Bytes total, std::optional<Bytes> free) {
  device::MemoryReading reading;
  reading.total = total;
  reading.free = free;
  return reading;
}

// A sanitizer has an allocator of its own, which keeps what was freed from being used again, or gives it back at once.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(KeptPagesTest, AreNotGivenBackBetweenDryRunsAndCountAsFree) {
  const device::MemoryReading reading = reading_of(10_GiB, 1_GiB);
  const KeptPages kept;
  const Bytes before = *kept.without_them(reading).free;
  take_and_free();
  const Bytes after = *kept.without_them(reading).free;
  EXPECT_GE(after, before + 90_MiB);
  take_and_free();  // in the same pages
  EXPECT_LT(*kept.without_them(reading).free, after + 30_MiB);
}
#endif

TEST(KeptPagesTest, AreNeverMoreThanThereIs) {
  const KeptPages kept;
  take_and_free();
  EXPECT_EQ(kept.without_them(reading_of(1_GiB, 1_GiB)).free, 1_GiB);
  EXPECT_EQ(kept.without_them(reading_of(1_GiB, std::nullopt)).free, std::nullopt);
}

}  // namespace
}  // namespace plimsoll::dry_run
