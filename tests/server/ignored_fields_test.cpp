#include "ignored_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::server {
namespace {

using std::chrono::seconds;
const IgnoredFields::Time kNow{seconds(1000)};

TEST(IgnoredFieldsTest, EachNameIsToldOnceAMinute) {
  IgnoredFields fields;
  EXPECT_THAT(fields.note({"a", "b"}, kNow), testing::ElementsAre("a", "b"));
  EXPECT_THAT(fields.note({"a", "c"}, kNow + seconds(59)), testing::ElementsAre("c"));
  EXPECT_THAT(fields.note({"a", "c"}, kNow + seconds(60)), testing::ElementsAre("a"));
  EXPECT_THAT(fields.to_prometheus(), testing::HasSubstr("plimsoll_ignored_fields_total{field=\"a\"} 3\n"));
}

TEST(IgnoredFieldsTest, NamesAreBounded) {
  IgnoredFields fields;
  std::size_t told = 0;
  for (int i = 0; i < 1000; ++i) told += fields.note({"n" + std::to_string(i)}, kNow).size();
  EXPECT_EQ(told, IgnoredFields::kMost + 1);
  EXPECT_THAT(fields.to_prometheus(), testing::HasSubstr("plimsoll_ignored_fields_total{field=\"other\"} 872\n"));
}

}  // namespace
}  // namespace plimsoll::server
