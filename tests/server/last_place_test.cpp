#include "last_place.hpp"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::server {
namespace {

TEST(LastPlaceTest, IsWhereTheTextStandsLast) {
  const std::string text = "aye aye, captain: aye";
  for (const char* part :
       {"a", "aye", "aye aye", "captain", "aye aye, captain: aye", "e", "no", "aye aye, captain: aye!"})
    EXPECT_EQ(last_place(text, part), text.rfind(part)) << part;
  EXPECT_EQ(last_place("aaaa", "aa"), 2U);
  EXPECT_EQ(last_place("", "a"), std::string::npos);
  EXPECT_EQ(last_place("a", ""), std::string::npos);
}

// rfind() compares four million bytes at each of four million places.
TEST(LastPlaceTest, WhatIsAlmostThereEverywhereIsSoonSaidNotToBe) {
  const std::string text(std::size_t{8} << 20U, 'a');
  EXPECT_EQ(last_place(text, std::string(std::size_t{4} << 20U, 'a') + "b"), std::string::npos);
  EXPECT_EQ(last_place(text, "b" + std::string(std::size_t{4} << 20U, 'a')), std::string::npos);
}

}  // namespace
}  // namespace plimsoll::server
