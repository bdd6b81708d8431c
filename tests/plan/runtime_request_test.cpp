#include "plan/runtime_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::plan {
namespace {

TEST(RuntimeRequestTest, IsADeviceAndASize) {
  EXPECT_EQ(parse_runtime("CUDA0=600MiB").value(), (RuntimeRequest{device::DeviceId{"CUDA0"}, 600_MiB}));
  for (const char* wrong : {"", "600MiB", "=600MiB", "CUDA0=", "CUDA0=lots", "CUDA0=50%"}) {
    const auto parsed = parse_runtime(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_THAT(parsed.error(), testing::HasSubstr(wrong));
  }
}

TEST(RuntimeRequestTest, TheLastOfADeviceCountsAndOneListHasOne) {
  const device::DeviceId a{"A"};
  const device::DeviceId b{"B"};
  const std::vector<RuntimeRequest> all{{a, 1_MiB}, {b, 2_MiB}, {a, 3_MiB}};
  EXPECT_EQ(runtime_asked_for(all, a), 3_MiB);
  EXPECT_EQ(runtime_asked_for(all, b), 2_MiB);
  EXPECT_FALSE(runtime_asked_for(all, device::host()));
  EXPECT_THAT(contradiction(all).value(), testing::HasSubstr("'A'"));
  EXPECT_FALSE(contradiction(std::vector<RuntimeRequest>{{a, 1_MiB}, {b, 2_MiB}}));
}

}  // namespace
}  // namespace plimsoll::plan
