// What is freed of large blocks is the system's again at once, whatever else was freed before.
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "base/large_blocks.hpp"

namespace plimsoll {
namespace {

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoul(line.substr(8));
  }
  return 0;
}

using Blocks = std::vector<unsigned char, LargeBlockAllocator<unsigned char>>;

TEST(LargeBlocksTest, GoBackWhenTheyAreFreed) {
  {
    const std::vector<char> raises_the_limit_of_the_library(31U << 20U, 1);
  }
  const std::size_t before = resident_kib();
  std::vector<Blocks> blocks;
  for (int i = 0; i < 64; ++i) blocks.emplace_back(std::size_t{4} << 20U, static_cast<unsigned char>(1));
  EXPECT_GE(resident_kib(), before + 250 * 1024);
  for (std::size_t i = 0; i < blocks.size(); i += 2) Blocks().swap(blocks[i]);  // holes between others
  EXPECT_LE(resident_kib(), before + 130 * 1024);
}

TEST(LargeBlocksTest, OfEverySizeHoldWhatWasWritten) {
  for (const std::size_t size : {std::size_t{1}, kLargeBlock - 1, kLargeBlock, kLargeBlock + 1, 3 * kLargeBlock + 7}) {
    Blocks block(size);
    std::iota(block.begin(), block.end(), static_cast<unsigned char>(3));
    block.resize(size + kLargeBlock);
    EXPECT_EQ(block[0], 3);
    EXPECT_EQ(block[size - 1], static_cast<unsigned char>(3 + size - 1));
  }
}

TEST(LargeBlocksTest, MoreThanThereCanBeThrows) {
  LargeBlockAllocator<std::uint64_t> allocator;
  EXPECT_THROW((void)allocator.allocate(~std::size_t{0} / 4), std::bad_alloc);
  EXPECT_THROW((void)allocator.allocate(std::size_t{1} << 52U), std::bad_alloc);
}

}  // namespace
}  // namespace plimsoll
