// How many files may be open, and what is said where they do not suffice.
#include "base/descriptor_limit.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/child_process.hpp"

#include "expect_error.hpp"

namespace plimsoll {
namespace {

class DescriptorLimitTest : public ::testing::Test {
 protected:
  DescriptorLimitTest() { getrlimit(RLIMIT_NOFILE, &before_); }
  ~DescriptorLimitTest() override { setrlimit(RLIMIT_NOFILE, &before_); }
  void lower_to(rlim_t files) const {
    const rlimit low{.rlim_cur = files, .rlim_max = before_.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  }
  rlimit before_{};
};

TEST_F(DescriptorLimitTest, ItIsRaisedAsFarAsTheSystemAllows) {
  lower_to(64);
  EXPECT_EQ(descriptor_limit(), 64U);
  EXPECT_EQ(raise_descriptor_limit(), before_.rlim_max);
  EXPECT_EQ(descriptor_limit(), before_.rlim_max);
}

TEST_F(DescriptorLimitTest, AChildThatFindsNoneFreeSaysSo) {
  lower_to(4);
  test::expect_error(ErrorCode::io, "this process may have 4 files, sockets and pipes open (ulimit -n)",
                     [] { const ChildProcess child({"/bin/true"}); });
  lower_to(64);
  EXPECT_NO_THROW(const ChildProcess child({"/bin/true"}));
}

}  // namespace
}  // namespace plimsoll
