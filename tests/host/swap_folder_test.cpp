// The folder of a process among those of others, which come and go at any moment: flock() of this program first does
// what a test has another process do just then.
#include "swap_folder.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <utility>

#include <plimsoll/base/error.hpp>

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace {

std::function<void()>& before_the_next_lock() {
  static std::function<void()> work;
  return work;
}
bool& has_no_locks() {
  static bool none = false;
  return none;
}

}  // namespace

extern "C" int flock(int file, int how) noexcept {
  if (const auto work = std::exchange(before_the_next_lock(), {})) work();
  if (!has_no_locks()) return static_cast<int>(::syscall(SYS_flock, file, how));
  errno = ENOLCK;
  return -1;
}

namespace plimsoll::host {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const SwapFolder& folder) { return folder.file_of(1).parent_path(); }

class SwapFolderTest : public testing::Test {
 protected:
  ~SwapFolderTest() override {
    before_the_next_lock() = {};
    has_no_locks() = false;
  }
  test::TemporaryFolder shared;
};

TEST_F(SwapFolderTest, OfTwoEachHasItsOwn) {
  const SwapFolder a(shared.path());
  const SwapFolder b(shared.path());
  EXPECT_NE(folder_of(a), folder_of(b));
  EXPECT_TRUE(fs::exists(folder_of(a) / "lock"));
}

TEST_F(SwapFolderTest, OneThatIsSweptWhileItIsMadeIsMadeAnew) {
  std::optional<SwapFolder> other;
  before_the_next_lock() = [&] { other.emplace(shared.path()); };  // sweeps the one that is not locked yet
  const SwapFolder folder(shared.path());
  ASSERT_TRUE(other);
  EXPECT_NE(folder_of(folder), folder_of(*other));
  EXPECT_TRUE(fs::exists(folder_of(folder) / "lock"));
}

TEST_F(SwapFolderTest, OneThatTookTheNameOfADeadOneIsNotSwept) {
  const fs::path left = fs::path(shared.path()) / "1-0";
  fs::create_directory(left);
  ASSERT_GE(::close(::open((left / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)), 0);
  int living = -1;
  before_the_next_lock() = [&] {
    fs::remove_all(left);
    fs::create_directory(left);
    living = ::open((left / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    ASSERT_EQ(::flock(living, LOCK_EX | LOCK_NB), 0);
  };
  const SwapFolder sweeps(shared.path());
  EXPECT_TRUE(fs::exists(left / "lock"));
  (void)::close(living);
}

TEST_F(SwapFolderTest, WhatADeadOneHasLeftIsSwept) {
  const fs::path left = fs::path(shared.path()) / "1-0";
  fs::create_directory(left);
  ASSERT_GE(::close(::open((left / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)), 0);
  const SwapFolder sweeps(shared.path());
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(SwapFolderTest, WithoutLocksThereIsNone) {
  has_no_locks() = true;
  plimsoll::test::expect_error(ErrorCode::io, "cannot be locked", [&] { const SwapFolder folder(shared.path()); });
  EXPECT_TRUE(fs::is_empty(shared.path()));
}

}  // namespace
}  // namespace plimsoll::host
