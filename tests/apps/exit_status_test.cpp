#include "exit_status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <system_error>

namespace plimsoll::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string sentence_of_a_missing_key(std::string_view place) {
  try {
    (void)std::map<int, int>{}.at(1);
  } catch (const std::exception& thrown) {
    const Error error = error_of(thrown, place);
    EXPECT_EQ(error.code(), ErrorCode::internal);
    return error.what();
  }
  return {};
}

TEST(ExitStatusTest, WhatTheStandardLibraryThrowsGetsAPlaceAndAnIdInsteadOfItsText) {
  const std::string sentence = sentence_of_a_missing_key("generate");
  EXPECT_THAT(sentence, HasSubstr("in 'generate' of plimsoll"));
  EXPECT_THAT(sentence, HasSubstr("std::out_of_range"));
  EXPECT_THAT(sentence, Not(HasSubstr("map::at")));
  EXPECT_EQ(sentence, sentence_of_a_missing_key("generate")) << "the same fault has the same id";
  EXPECT_NE(sentence.substr(0, 24), sentence_of_a_missing_key("plan").substr(0, 24));
}

TEST(ExitStatusTest, OurOwnErrorsStayAsTheyAre) {
  const Error refused(ErrorCode::over_budget, "too much", {{"needed", 3}});
  EXPECT_STREQ(error_of(refused, "plan").what(), "too much");
  EXPECT_EQ(error_of(refused, "plan").numbers(), refused.numbers());
  const Error broken = error_of(Error(ErrorCode::internal, "a promise is broken"), "plan");
  EXPECT_THAT(broken.what(), HasSubstr("in 'plan' of plimsoll"));
  EXPECT_THAT(broken.what(), HasSubstr("a promise is broken"));
}

TEST(ExitStatusTest, WhatTheSystemRefusesIsNoFaultOfTheProgram) {
  EXPECT_EQ(error_of(std::bad_alloc(), "plan").code(), ErrorCode::out_of_device_memory);
  EXPECT_EQ(error_of(std::system_error(ENOSPC, std::generic_category(), "a.json"), "plan").code(), ErrorCode::io);
}

}  // namespace
}  // namespace plimsoll::app
