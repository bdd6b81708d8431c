#include <plimsoll/base/bytes.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>

namespace plimsoll {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

TEST(BytesParseTest, ReadsEverySpelling) {
  const std::vector<std::pair<std::string, Bytes>> spellings{
      {"0", 0_B},
      {"4096", 4_KiB},
      {"512B", 512_B},
      {"8GiB", 8_GiB},
      {"8 GiB", 8_GiB},
      {"  8gib ", 8_GiB},
      {"512MB", 512_MiB},
      {"512m", 512_MiB},
      {"3Ki", 3_KiB},
      {"1.5g", 1536_MiB},
      {".5k", 512_B},
      {"0.1k", 102_B},
      {"2T", 2048_GiB},
      {"1p", 1048576_GiB},
      {"9007199254740993", 9007199254740993_B},  // one more than a double can tell apart
      {"9223372036854775807", 9223372036854775807_B}};
  for (const auto& [text, bytes] : spellings) EXPECT_EQ(parse_bytes(text), bytes) << text;
}

TEST(BytesParseTest, NonsenseIsRefusedInASentenceThatNamesIt) {
  for (const std::string text : {"",         " ",
                                 "GiB",      "8X",
                                 "8GiBs",    "8 G B",
                                 "-1",       "-0",
                                 "+1",       "1 2MiB",
                                 "0x10",     "1e9",
                                 "nan",      "inf",
                                 "1,5g",     ".",
                                 "1.2.3",    "9223372036854775808",
                                 "8388608t", "99999999999999999999999",
                                 "1e400g"}) {
    SCOPED_TRACE(text);
    const auto parsed = parse_bytes(text);
    ASSERT_FALSE(parsed);
    EXPECT_THAT(parsed.error(), HasSubstr("'" + text + "'"));
  }
}

TEST(BytesFormatTest, ShowsThreeDigitsAndNeverAThousandOfTheSmallerUnit) {
  EXPECT_EQ(format_bytes(0_B), "0 B");
  EXPECT_EQ(format_bytes(1023_B), "1023 B");
  EXPECT_EQ(format_bytes(1_KiB), "1.00 KiB");
  EXPECT_EQ(format_bytes(1536_KiB), "1.50 MiB");
  EXPECT_EQ(format_bytes(Bytes{10 * 1024 - 1}), "10.0 KiB");
  EXPECT_EQ(format_bytes(Bytes{100 * 1024 - 1}), "100 KiB");
  EXPECT_EQ(format_bytes(1_MiB - 1_B), "1.00 MiB");
  EXPECT_EQ(format_bytes(1_MiB - 500_B), "1.00 MiB");
  EXPECT_EQ(format_bytes(Bytes{22763536998}), "21.2 GiB");
  EXPECT_EQ(format_bytes(Bytes{kMost}), "16.0 EiB");
}

// The text keeps three digits, so what is read back is within half of the last one.
RC_GTEST_PROP(BytesFormatTest, ReadsBackToTheSameAmountWithinItsPrecision, ()) {
  const Bytes bytes{*rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << *rc::gen::inRange(1, 58))};
  const auto parsed = parse_bytes(format_bytes(bytes));
  RC_ASSERT(parsed.has_value());
  const double difference = static_cast<double>(parsed->value()) - static_cast<double>(bytes.value());
  RC_ASSERT(std::abs(difference) <= static_cast<double>(bytes.value()) * 0.0051);
}

RC_GTEST_PROP(BytesParseProperty, APlainNumberIsExact, ()) {
  const auto value = *rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 63);
  RC_ASSERT(parse_bytes(std::to_string(value)) == Bytes{value});
}

RC_GTEST_PROP(BytesParseProperty, NoTextMakesItThrow, (const std::string& text)) {
  const auto parsed = parse_bytes(text);
  RC_ASSERT(parsed.has_value() || !parsed.error().empty());
}

RC_GTEST_PROP(BytesArithmeticProperty, SubtractingUndoesAddingOrAddingThrows, (std::uint64_t a, std::uint64_t b)) {
  if (b > kMost - a) {
    RC_ASSERT_THROWS_AS(Bytes{a} + Bytes{b}, Error);
  } else {
    RC_ASSERT(Bytes{a} + Bytes{b} - Bytes{b} == Bytes{a});
  }
}

RC_GTEST_PROP(BytesArithmeticProperty, SaturatingSubtractionIsTheMissingPartOrNothing,
              (std::uint64_t a, std::uint64_t b)) {
  const Bytes missing = saturating_sub(Bytes{a}, Bytes{b});
  RC_ASSERT(missing == (a > b ? Bytes{a} - Bytes{b} : 0_B));
  RC_ASSERT(std::min(Bytes{a}, Bytes{b}) + missing == Bytes{a});
}

TEST(BytesArithmeticTest, LeavingTheRangeThrowsArithmeticAndChangesNothing) {
  const auto code_of = [](auto&& act) {
    try {
      act();
    } catch (const Error& error) {
      return to_string(error.code());
    }
    return std::string_view("nothing thrown");
  };
  Bytes bytes{kMost};
  EXPECT_EQ(code_of([&] { bytes += 1_B; }), "arithmetic");
  EXPECT_EQ(bytes, Bytes{kMost});
  EXPECT_EQ(code_of([] { return 1_B - 2_B; }), "arithmetic");
  EXPECT_EQ(code_of([] { return 1_GiB * (std::uint64_t{1} << 34); }), "arithmetic");
  EXPECT_EQ(1_GiB * 0, 0_B);
  EXPECT_EQ(1_GiB * 8, 8_GiB);
}

}  // namespace
}  // namespace plimsoll
