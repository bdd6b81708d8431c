// expect_error: that something throws our Error, of a code, with words.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include <plimsoll/base/error.hpp>

namespace plimsoll::test {

// Runs `work`; fails unless it throws Error{code} whose sentence contains `words`.
template <class Work>
void expect_error(ErrorCode code, const std::string& words, Work work) {
  try {
    work();
    ADD_FAILURE() << "nothing was thrown; expected " << to_string(code);
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.code()), to_string(code)) << error.what();
    EXPECT_THAT(std::string(error.what()), testing::HasSubstr(words));
  }
}

}  // namespace plimsoll::test
