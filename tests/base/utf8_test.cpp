#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

TEST(Utf8Test, KnowsWhatIsUtf8) {
  for (const char* text : {"", "a", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x9A\xA2", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* bytes : {"\xE4", "\xC3", "a\xC3(", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                            "\xF5\x80\x80\x80", "\x80", "\xE2\x82", "\xF0\x82\x82\xAC"})
    EXPECT_FALSE(is_utf8(bytes)) << bytes;
}

TEST(Utf8Test, ReplacesWhatIsNone) {
  EXPECT_EQ(as_utf8("B\xE4r"), "B\xEF\xBF\xBDr");
  EXPECT_EQ(as_utf8("B\xC3\xA4r"), "B\xC3\xA4r");
  EXPECT_EQ(as_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_TRUE(is_utf8(as_utf8("\xFF\xFE\xC3")));
}

TEST(Utf8Test, AModelIsCalledByItsFile) {
  EXPECT_EQ(name_of_file("/m/B\xE4r.v2.GGUF"), "B\xEF\xBF\xBDr.v2");
  EXPECT_EQ(name_of_file("a.gguf"), "a");
}

}  // namespace
}  // namespace plimsoll
