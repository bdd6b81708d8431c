// What is charged on the host is there: every page of a buffer, from the moment that ggml has it.
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include <atomic>
#include <cerrno>
#include <stdexcept>

#include "tracker/scope.hpp"
#include "tracker/tracker.hpp"

#include "fake_buffer_type.hpp"
#include "ggml_doors.hpp"
#include "host_pages.hpp"

namespace plimsoll::tracker {
namespace {

constexpr std::size_t kBytes = std::size_t{600} << 20U;  // several threads' worth

// The share of the whole pages in there that lie in memory now.
double resident(void* memory, std::size_t bytes) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + bytes) / page * page;
  std::vector<unsigned char> pages((last - first) / page);
  EXPECT_EQ(mincore(reinterpret_cast<void*>(first), last - first, pages.data()), 0);
  const auto there = std::ranges::count_if(pages, [](unsigned char one) { return (one & 1U) != 0; });
  return static_cast<double>(there) / static_cast<double>(pages.size());
}
double resident(const Buffer& buffer) {
  return resident(ggml_backend_buffer_get_base(buffer.get()), ggml_backend_buffer_get_size(buffer.get()));
}

// Answers in the kernel's place, and takes nothing: 0 to the first `granted` requests, then `error`.
class FakeKernel {
 public:
  explicit FakeKernel(int error, int granted = 0) : before_(exchange_populate(answer)) {
    error_ = error;
    granted_ = granted;
    asked_ = 0;
  }
  ~FakeKernel() { exchange_populate(before_); }
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;
  [[nodiscard]] static int asked() { return asked_; }

 private:
  static int answer(void*, std::size_t) noexcept { return asked_++ < granted_ ? 0 : error_.load(); }
  inline static std::atomic<int> error_ = 0;
  inline static std::atomic<int> granted_ = 0;
  inline static std::atomic<int> asked_ = 0;
  Populate before_;
};

// Fresh memory that nobody has touched, in small pages.
class FreshMemory {
 public:
  explicit FreshMemory(std::size_t bytes)
      : bytes_(bytes), memory_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) throw std::runtime_error("no memory for the test");
    (void)madvise(memory_, bytes, MADV_NOHUGEPAGE);
  }
  ~FreshMemory() { munmap(memory_, bytes_); }
  FreshMemory(const FreshMemory&) = delete;
  FreshMemory& operator=(const FreshMemory&) = delete;
  [[nodiscard]] void* get() const { return memory_; }
  [[nodiscard]] unsigned char& operator[](std::size_t at) const { return static_cast<unsigned char*>(memory_)[at]; }
  [[nodiscard]] double there() const { return resident(memory_, bytes_); }

 private:
  std::size_t bytes_;
  void* memory_;
};

constexpr std::size_t kMiB = std::size_t{1} << 20U;

class HostPagesTest : public ::testing::Test {
 protected:
  HostPagesTest() { tracker.start(); }
  memory::Ledger ledger;
  memory::LedgerCapacity capacity{ledger};
  Tracker tracker{ledger, capacity};
};

TEST_F(HostPagesTest, WhatIsChargedIsThereToItsLastPage) {
  const Buffer buffer = allocate(kBytes);
  ASSERT_TRUE(buffer);
  EXPECT_EQ(resident(buffer), 1.0);
}

TEST_F(HostPagesTest, WhoDoesNotWantThatGetsPagesAtTheFirstTouch) {
  tracker.set_prefault(false);
  const Buffer buffer = allocate(kBytes);
  ASSERT_TRUE(buffer);
  EXPECT_LT(resident(buffer), 0.1);
}

TEST_F(HostPagesTest, SmallBuffersAreLeftAlone) {
  const Buffer buffer = allocate(64);  // less than a page
  ASSERT_TRUE(buffer);
  EXPECT_EQ(ledger.taken_on(device::host()), 64_B);
}

TEST_F(HostPagesTest, HowFarALargeBufferIsTouchedIsTold) {
  std::vector<std::pair<Bytes, Bytes>> told;
  std::string whose;
  tracker.set_prefault_progress([&](const std::string& owner, Bytes done, Bytes of) {
    whose = owner;
    told.emplace_back(done, of);
  });
  const Scope scope("a", Phase::load);
  const Buffer buffer = allocate(kBytes);
  ASSERT_TRUE(buffer);
  ASSERT_FALSE(told.empty());
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(told.back().first, told.back().second);
  EXPECT_EQ(whose, "a");

  told.clear();
  const Buffer small = allocate(kMiB);
  ASSERT_TRUE(small);
  EXPECT_TRUE(told.empty());
}

TEST_F(HostPagesTest, WhatIsNotThereIsRefusedAndGivenBack) {
  Scope scope("a", Phase::context);
  const FakeKernel kernel(ENOMEM, 1);
  EXPECT_FALSE(allocate(kBytes));
  EXPECT_TRUE(ledger.empty());
  const auto refusal = scope.take_refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->by, memory::RefusedBy::device);
  EXPECT_EQ(refusal->device, device::host());
  EXPECT_EQ(refusal->owner, "a");
  EXPECT_EQ(refusal->requested, Bytes{kBytes});
}

// The inner request was served; the outer one gives both back.
TEST_F(HostPagesTest, WhatIsNotThereOfANestedBufferIsGivenBackOnce) {
  FakeBufferType outer(
      "OUTER", [](std::size_t bytes) { return ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), bytes); });
  for (const int granted : {0, 1}) {
    const FakeKernel kernel(ENOMEM, granted);
    EXPECT_EQ(ggml_backend_buft_alloc_buffer(outer.get(), kMiB), nullptr) << granted;
    EXPECT_TRUE(ledger.empty()) << granted;
  }
}

TEST_F(HostPagesTest, WhoDoesNotWantThatIsNotRefusedForIt) {
  tracker.set_prefault(false);
  const FakeKernel kernel(ENOMEM);
  EXPECT_TRUE(allocate(kMiB));
  EXPECT_EQ(FakeKernel::asked(), 0);
}

TEST(TouchRangeTest, AnOldKernelIsServedByWritingWhatIsThere) {
  const FreshMemory memory(8 * kMiB);
  memory[0] = 7;
  memory[4096] = 9;
  const FakeKernel kernel(EINVAL);
  EXPECT_EQ(touch_range(memory.get(), 8 * kMiB, true, {}), Touched::there);
  EXPECT_EQ(memory.there(), 1.0);
  EXPECT_EQ(memory[0], 7);
  EXPECT_EQ(memory[4096], 9);
}

TEST(TouchRangeTest, ADriversMappingThatCannotBeAskedForIsLeftAlone) {
  const FreshMemory memory(8 * kMiB);
  for (const int error : {EINVAL, EFAULT}) {
    const FakeKernel kernel(error);
    EXPECT_EQ(touch_range(memory.get(), 8 * kMiB, false, {}), Touched::there);
  }
  EXPECT_EQ(memory.there(), 0.0);
}

TEST(TouchRangeTest, MissingMemoryIsSaid) {
  const FreshMemory memory(200 * kMiB);
  for (const int error : {ENOMEM, EFAULT, EHWPOISON}) {
    const FakeKernel kernel(error, 1);
    EXPECT_EQ(touch_range(memory.get(), 200 * kMiB, true, {}), Touched::missing) << error;
    EXPECT_EQ(FakeKernel::asked(), 2) << "nothing more is asked for once a piece is missing";
  }
  const FakeKernel kernel(ENOMEM);
  EXPECT_EQ(touch_range(memory.get(), kMiB, false, {}), Touched::missing) << "of a driver's, too";
}

TEST(TouchRangeTest, ItIsDoneInPieces) {
  const FreshMemory memory(200 * kMiB);
  const FakeKernel kernel(0);
  std::vector<Bytes> told;
  EXPECT_EQ(touch_range(memory.get(), 200 * kMiB, true, [&](Bytes done, Bytes) { told.push_back(done); }),
            Touched::there);
  EXPECT_EQ(FakeKernel::asked(), 4);
  EXPECT_EQ(told, (std::vector<Bytes>{64_MiB, 128_MiB, 192_MiB, 200_MiB, 200_MiB}));
}

TEST(TouchRangeTest, AProgressThatThrowsStopsNothing) {
  const FreshMemory memory(200 * kMiB);
  const FakeKernel kernel(0, 0);
  EXPECT_EQ(touch_range(memory.get(), 200 * kMiB, true, [](Bytes, Bytes) { throw std::runtime_error("no"); }),
            Touched::there);
  EXPECT_EQ(FakeKernel::asked(), 4);
}

}  // namespace
}  // namespace plimsoll::tracker
