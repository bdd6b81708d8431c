#include "quantize_log.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace plimsoll::quantize {
namespace {

constexpr const char* kTensor = "[   1/  12] blk.0.attn_q.weight - [ 256, 256, 1, 1], type = f32, size = 0.25 MiB\n";

TEST(QuantizeLogTest, CountsWhatTheEngineSays) {
  std::vector<Progress> seen;
  QuantizeLog log([&](const Progress& at) { seen.push_back(at); });
  QuantizeLog::callback(GGML_LOG_LEVEL_INFO, kTensor, &log);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].of, 12U);
  EXPECT_EQ(log.result().before, Bytes{256 * 256 * 4});
  EXPECT_NO_THROW(log.rethrow());
}

// The engine calls it from C; an exception that gets there ends the process.
TEST(QuantizeLogTest, WhatIsThrownWhileItListensIsKeptForAfterwards) {
  static_assert(noexcept(QuantizeLog::callback(GGML_LOG_LEVEL_INFO, "", nullptr)));
  int calls = 0;
  QuantizeLog log([&](const Progress&) {
    ++calls;
    throw std::runtime_error("nobody listens");
  });
  QuantizeLog::callback(GGML_LOG_LEVEL_INFO, kTensor, &log);
  QuantizeLog::callback(GGML_LOG_LEVEL_INFO, kTensor, &log);
  EXPECT_EQ(calls, 1);
  EXPECT_THROW(log.rethrow(), std::runtime_error);
}

// Numbers beyond any tensor's, as a damaged file may give them.
TEST(QuantizeLogTest, ANumberTooLargeIsNoWayOut) {
  QuantizeLog log({});
  QuantizeLog::callback(GGML_LOG_LEVEL_INFO,
                        "[   1/  12] a - [ 99999999999999999999, 1, 1, 1], type = f32, size = 0.25 MiB\n", &log);
  EXPECT_THROW(log.rethrow(), std::out_of_range);
}

}  // namespace
}  // namespace plimsoll::quantize
