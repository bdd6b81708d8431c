// expect_problem: that something throws a Problem which blames a field.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "api/problem.hpp"

namespace plimsoll::test {

// Runs `work`; fails unless it throws Problem 400 at the field, with these words in its sentence.
template <class Work>
void expect_problem(const std::string& field, const std::string& words, Work work) {
  try {
    (void)work();
    ADD_FAILURE() << "nothing was thrown; expected a problem at '" << field << "'";
  } catch (const api::Problem& problem) {
    EXPECT_EQ(problem.status(), 400) << problem.what();
    EXPECT_EQ(problem.field(), field) << problem.what();
    EXPECT_THAT(std::string(problem.what()), testing::HasSubstr(words));
  }
}

}  // namespace plimsoll::test
