// What is booked on the host is there: every page of a buffer, from the moment that ggml has it.
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include <plimsoll/gauge/gauge.hpp>

#include "ggml_doors.hpp"

namespace plimsoll::gauge {
namespace {

constexpr std::size_t kBytes = std::size_t{600} << 20U;  // several threads' worth

// The share of a buffer's whole pages that lie in memory now.
double resident(const Buffer& buffer) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(ggml_backend_buffer_get_base(buffer.get()));
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + ggml_backend_buffer_get_size(buffer.get())) / page * page;
  std::vector<unsigned char> pages((last - first) / page);
  EXPECT_EQ(mincore(reinterpret_cast<void*>(first), last - first, pages.data()), 0);
  const auto there = std::ranges::count_if(pages, [](unsigned char one) { return (one & 1U) != 0; });
  return static_cast<double>(there) / static_cast<double>(pages.size());
}

class HostPagesTest : public ::testing::Test {
 protected:
  HostPagesTest() { gauge.start(); }
  memory::Ledger ledger;
  memory::LedgerCapacity capacity{ledger};
  Gauge gauge{ledger, capacity};
};

TEST_F(HostPagesTest, WhatIsBookedIsThereToItsLastPage) {
  const Buffer buffer = allocate(kBytes);
  ASSERT_TRUE(buffer);
  EXPECT_EQ(resident(buffer), 1.0);
}

TEST_F(HostPagesTest, WhoDoesNotWantThatGetsPagesAtTheFirstTouch) {
  gauge.set_prefault(false);
  const Buffer buffer = allocate(kBytes);
  ASSERT_TRUE(buffer);
  EXPECT_LT(resident(buffer), 0.1);
}

TEST_F(HostPagesTest, SmallBuffersAreLeftAlone) {
  const Buffer buffer = allocate(64);  // less than a page
  ASSERT_TRUE(buffer);
  EXPECT_EQ(ledger.taken_on(device::host()), 64_B);
}

}  // namespace
}  // namespace plimsoll::gauge
