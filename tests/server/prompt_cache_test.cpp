#include "prompt_cache.hpp"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace plimsoll::server {
namespace {

using Tokens = std::vector<engine::Token>;

TEST(CommonBeginningTest, EndsWhereTheyDifferOrOneEnds) {
  EXPECT_EQ(common_beginning(Tokens{}, Tokens{1}), 0U);
  EXPECT_EQ(common_beginning(Tokens{1, 2, 3}, Tokens{1, 2, 4}), 2U);
  EXPECT_EQ(common_beginning(Tokens{1, 2}, Tokens{1, 2, 4}), 2U);
}

RC_GTEST_PROP(CommonBeginningTest, OfExtensionsIsTheWholeOfTheFirst, (const Tokens& a, const Tokens& more)) {
  Tokens longer = a;
  longer.insert(longer.end(), more.begin(), more.end());
  RC_ASSERT(common_beginning(a, longer) == a.size());
  RC_ASSERT(common_beginning(longer, a) == a.size());
}

}  // namespace
}  // namespace plimsoll::server
