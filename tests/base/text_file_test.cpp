#include "base/text_file.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace plimsoll {
namespace {

using test::expect_error;

TEST(TextFileTest, IsReadByteByByte) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(read_text_file(folder.write("crlf", "a\r\n\n")), "a\r\n\n");
  EXPECT_EQ(read_text_file(folder.write("empty", "")), "");
}

TEST(TextFileTest, WhatIsAbsentOrAFolderIsSaidByWhatItIsFor) {
  const test::TemporaryFolder folder;
  const std::string absent = folder.path() / "absent";
  expect_error(ErrorCode::usage, "the file '" + absent + "' cannot be read", [&] { (void)read_text_file(absent); });
  expect_error(ErrorCode::io, "the fleet file '" + folder.path().string() + "' cannot be read",
               [&] { (void)read_text_file(folder.path(), "fleet file", ErrorCode::io); });
}

}  // namespace
}  // namespace plimsoll
