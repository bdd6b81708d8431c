#include "api/problem.hpp"

#include <gtest/gtest.h>

#include "api/json_text.hpp"

namespace plimsoll::api {
namespace {

TEST(ProblemTest, EveryErrorCodeHasAStatus) {
  EXPECT_EQ(http_status(ErrorCode::usage), 400);
  EXPECT_EQ(http_status(ErrorCode::context_overflow), 400);
  EXPECT_EQ(http_status(ErrorCode::cancelled), 499);
  EXPECT_EQ(http_status(ErrorCode::busy), 503);
  EXPECT_EQ(http_status(ErrorCode::over_budget), 507);
  EXPECT_EQ(http_status(ErrorCode::internal), 500);
}

TEST(ProblemTest, AnErrorKeepsItsNumbers) {
  const Problem problem = problem_of(Error(ErrorCode::context_overflow, "too long", {{"needed", 9}, {"available", 4}}));
  EXPECT_EQ(problem.code(), "context_length_exceeded");
  const Json body = error_body(problem, ErrorShape::openai);
  EXPECT_EQ(body.dump(), R"({"error":{"message":"too long","type":"exceed_context_size_error","param":null,)"
                         R"("code":"context_length_exceeded","n_prompt_tokens":9,"n_ctx":4,)"
                         R"("numbers":{"needed":9,"available":4}}})");
  EXPECT_EQ(error_body(problem, ErrorShape::anthropic)["error"].dump(),
            R"({"type":"invalid_request_error","message":"too long","numbers":{"needed":9,"available":4}})");
}

TEST(ProblemTest, APromptThatIsTooLongHasItsOwnLength) {
  const Error error(ErrorCode::context_overflow, "too long", {{"needed", 9}, {"available", 4}, {"prompt", 8}});
  EXPECT_EQ(error_body(problem_of(error), ErrorShape::openai)["error"]["n_prompt_tokens"], 8);
}

TEST(ProblemTest, WhateverIsThrownBecomesOne) {
  const std::runtime_error other("odd");
  EXPECT_EQ(problem_of(static_cast<const std::exception&>(other)).status(), 500);
  EXPECT_STREQ(problem_of(static_cast<const std::exception&>(other)).what(), "an internal error");
  const Error busy(ErrorCode::busy, "later");
  EXPECT_EQ(problem_of(static_cast<const std::exception&>(busy)).status(), 503);
  const Problem own = bad_request("no");
  EXPECT_EQ(problem_of(static_cast<const std::exception&>(own)).status(), 400);
}

TEST(ProblemTest, EachApiHasItsShape) {
  Problem problem = bad_request("no");
  problem.at("n").with("hint", "yes");
  EXPECT_EQ(error_body(problem, ErrorShape::openai).dump(),
            R"({"error":{"message":"no","type":"invalid_request_error","param":"n",)"
            R"("code":"invalid_request","hint":"yes"}})");
  EXPECT_EQ(error_body(problem, ErrorShape::anthropic).dump(),
            R"({"type":"error","error":{"type":"invalid_request_error","message":"no","hint":"yes"}})");
  EXPECT_EQ(error_body(problem, ErrorShape::plimsoll).dump(),
            R"({"schema":"plimsoll.error/1","code":"invalid_request","message":"no","field":"n","hint":"yes"})");
}

TEST(ProblemTest, TheOriginalsTypesByStatus) {
  const auto type = [](int status, ErrorShape shape) {
    return error_body(Problem(status, "x", "y"), shape)["error"]["type"].get<std::string>();
  };
  EXPECT_EQ(type(401, ErrorShape::openai), "authentication_error");
  EXPECT_EQ(type(429, ErrorShape::openai), "rate_limit_error");
  EXPECT_EQ(type(500, ErrorShape::openai), "server_error");
  EXPECT_EQ(type(404, ErrorShape::anthropic), "not_found_error");
  EXPECT_EQ(type(413, ErrorShape::anthropic), "request_too_large");
  EXPECT_EQ(type(503, ErrorShape::anthropic), "overloaded_error");
  EXPECT_EQ(type(507, ErrorShape::anthropic), "api_error");
}

TEST(ProblemTest, AModelThatIsNotThere) {
  const Problem problem = no_such_model("x");
  EXPECT_EQ(problem.status(), 404);
  EXPECT_EQ(problem.code(), "model_not_found");
  EXPECT_EQ(problem.field(), "model");
}

}  // namespace
}  // namespace plimsoll::api
