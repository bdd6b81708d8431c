#include <gtest/gtest.h>

#include "refuse_each.hpp"

namespace plimsoll::run {
namespace {

class RefuseEachEngineTest : public ::testing::TestWithParam<const char*> {};

TEST_P(RefuseEachEngineTest, EveryRefusalIsSurvivedAndTyped) {
  const int refused = test::refuse_each(GetParam(), "CPU");
  EXPECT_GE(refused, 4);  // weights, cache, compute and output at least
  RecordProperty("refused", refused);
}

INSTANTIATE_TEST_SUITE_P(Architectures, RefuseEachEngineTest,
                         ::testing::Values("llama-dense", "gemma3-dense", "jamba-dense", "deepseek2-moe", "mamba-dense",
                                           "qwen3-dense", "phi3-dense", "gpt2-dense"));

}  // namespace
}  // namespace plimsoll::run
