#include <gtest/gtest.h>

#include <expect_error.hpp>

#include <plimsoll/engine/params.hpp>

namespace plimsoll::engine {
namespace {

TEST(SplitModeTest, TensorsSplitOverDevicesEndTheProcessWhereOneRefusesAndAreNotTaken) {
  ModelParams split;
  split.path = "a.gguf";
  split.split_mode = LLAMA_SPLIT_MODE_TENSOR;
  test::expect_error(ErrorCode::unsupported, "cannot be planned", [&] { validate(split); });
}

}  // namespace
}  // namespace plimsoll::engine
