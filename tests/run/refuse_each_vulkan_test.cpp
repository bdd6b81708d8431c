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
                         ::testing::Values("llama-dense", "gemma3-dense", "jamba-dense", "olmoe-moe", "mamba-dense",
                                           "qwen3-dense", "phi3-dense", "gpt2-dense"));

}  // namespace
}  // namespace plimsoll::run
