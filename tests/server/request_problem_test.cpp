#include "request_problem.hpp"

#include <gtest/gtest.h>

#include <map>
#include <new>

#include <plimsoll/base/error.hpp>

namespace plimsoll::server {
namespace {

const RequestOrigin kOrigin{.place = "POST /v1/messages", .id = "req_12"};

TEST(RequestProblemTest, ErrorsOfItsOwnAreToldByPlaceAndIdAlone) {
  const auto told = [](const std::exception& error) {
    const api::Problem problem = problem_of(error, kOrigin);
    EXPECT_EQ(problem.status(), 500);
    EXPECT_EQ(problem.code(), "internal");
    EXPECT_EQ(problem.details().at("id"), "req_12");
    return std::string(problem.what());
  };
  const std::string sentence = "an internal error in POST /v1/messages; the server's log says more under req_12";
  EXPECT_EQ(told(std::bad_alloc()), sentence);
  EXPECT_EQ(told(Error(ErrorCode::internal, "a promise was broken")), sentence);
  try {
    (void)std::map<int, int>{}.at(1);
  } catch (const std::exception& error) {
    EXPECT_EQ(told(error), sentence);
  }
}

TEST(RequestProblemTest, EverythingElseSpeaksForItself) {
  EXPECT_EQ(std::string(problem_of(Error(ErrorCode::busy, "later"), kOrigin).what()), "later");
  EXPECT_EQ(problem_of(Error(ErrorCode::busy, "later"), kOrigin).status(), 503);
  EXPECT_EQ(problem_of(api::bad_request("no"), kOrigin).status(), 400);
}

}  // namespace
}  // namespace plimsoll::server
