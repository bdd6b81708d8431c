#include "base/parse_number.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

namespace plimsoll {
namespace {

TEST(ParseNumberTest, AWholeTextIsANumber) {
  EXPECT_EQ(parse_number<std::int32_t>("-12"), -12);
  EXPECT_EQ(parse_number<std::uint64_t>("18446744073709551615"), 18446744073709551615U);
  EXPECT_EQ(parse_number<double>("0.5"), 0.5);
  EXPECT_EQ(parse_number<float>("1e-1"), 0.1F);
}

TEST(ParseNumberTest, WhatIsBesideANumberOrBeyondItsTypeIsNone) {
  for (const char* text : {"", " 1", "1 ", "+1", "1x", "0x1", "1.5", "2147483648"})
    EXPECT_FALSE(parse_number<std::int32_t>(text)) << text;
  EXPECT_FALSE(parse_number<std::uint16_t>("-1"));
  EXPECT_FALSE(parse_number<double>("1e999"));
}

TEST(ParseNumberTest, AFractionMayBeInfiniteOrNoNumber) {
  EXPECT_TRUE(std::isinf(parse_number<double>("inf").value()));
  EXPECT_TRUE(std::isnan(parse_number<float>("nan").value()));
}

}  // namespace
}  // namespace plimsoll
