// What is said of an engine that ended its process.
#include "engine/engine_process.hpp"

#include <gtest/gtest.h>

namespace plimsoll::engine {
namespace {

TEST(AssertionInTest, IsWhatGgmlPrintedWithoutThePlace) {
  EXPECT_EQ(assertion_in("a line before\n./src/llama.cpp:12: GGML_ASSERT(n > 0) failed\nafter\n"),
            "GGML_ASSERT(n > 0) failed");
  EXPECT_EQ(
      assertion_in("WARNING: a driver speaks\n./src/ggml-backend.cpp:1089: pre-allocated tensor (cache_k_l0) in a "
                   "buffer (Vulkan0) that cannot run the operation (NONE)\n"),
      "pre-allocated tensor (cache_k_l0) in a buffer (Vulkan0) that cannot run the operation (NONE)");
  EXPECT_EQ(assertion_in("ggml.c:7: fatal error"), "fatal error");
}

TEST(AssertionInTest, IsNothingWhereNoneWasPrinted) {
  EXPECT_EQ(assertion_in(""), "");
  EXPECT_EQ(assertion_in("terminate called after throwing an instance of 'std::bad_alloc'\n"), "");
  EXPECT_EQ(assertion_in("at 10:20: a line with a time\nfile:: x\nfile:12 x\n"), "");
}

}  // namespace
}  // namespace plimsoll::engine
