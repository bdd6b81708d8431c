// request_problem: what is thrown while a request is answered, as its client is told.
#pragma once
#include <exception>
#include <string>

#include "api/problem.hpp"

namespace plimsoll::server {

// Which request: where it went wrong, and by what name it is found again.
struct RequestOrigin {
  std::string place;  // "POST /v1/messages"
  std::string id;     // its x-request-id
};

// Problems and Errors tell their own sentence. What else is thrown is an error of the server's own: its text goes to
// the log, beside place and id, and the client is told these two alone.
[[nodiscard]] api::Problem problem_of(const std::exception& error, const RequestOrigin& origin);

}  // namespace plimsoll::server
