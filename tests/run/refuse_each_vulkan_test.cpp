#include <gtest/gtest.h>

#include "refuse_each.hpp"

namespace plimsoll::run {
namespace {

class RefuseEachVulkanTest : public ::testing::TestWithParam<const char*> {};

TEST_P(RefuseEachVulkanTest, EveryRefusalIsSurvivedAndTyped) {
  const int refused = test::refuse_each(GetParam(), "Vulkan0");
  EXPECT_GE(refused, 4);  // weights, cache, compute and output at least
  RecordProperty("refused", refused);
}

INSTANTIATE_TEST_SUITE_P(Architectures, RefuseEachVulkanTest,
                         ::testing::Values("llama", "gemma3", "jamba", "olmoe", "mamba", "qwen3", "phi3", "gpt2"));

}  // namespace
}  // namespace plimsoll::run
