#include <plimsoll/base/error.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace plimsoll {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// Scripts and clients compare these words; a changed one breaks them.
TEST(ErrorCodeTest, SpellingsAreStable) {
  std::vector<std::string_view> spellings;
  for (int code = 0; code <= static_cast<int>(ErrorCode::model_crashed); ++code) {
    spellings.push_back(to_string(static_cast<ErrorCode>(code)));
  }
  EXPECT_THAT(spellings, ElementsAre("usage", "over_budget", "out_of_device_memory", "model_unusable",
                                     "context_overflow", "busy", "cancelled", "sealed", "unsupported", "io",
                                     "engine_failed", "arithmetic", "internal", "model_crashed"));
}

TEST(ErrorTest, CarriesItsCodeItsSentenceAndItsNumbersInOrder) {
  const Error error(ErrorCode::over_budget, "needs more than is left", {{"needed", 9}, {"available", 4}});
  EXPECT_EQ(error.code(), ErrorCode::over_budget);
  EXPECT_STREQ(error.what(), "needs more than is left");
  EXPECT_THAT(error.numbers(), ElementsAre(Pair("needed", 9), Pair("available", 4)));
}

}  // namespace
}  // namespace plimsoll
