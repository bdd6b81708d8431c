// http_failure: requests that the HTTP library ends by itself, before or instead of any route, in words.
#pragma once
#include <optional>
#include <string>

#include <httplib.h>

#include <plimsoll/base/bytes.hpp>
#include "api/problem.hpp"

namespace plimsoll::server {

// The library reads a body before it calls a route, and how is decided by the request's headers: as a form it takes 8
// KiB at most, and in parts it hands none on. Forms become text here (curl -d says that JSON is one), and an encoding
// that changes nothing is left out. Gives why a body of this kind is not read; empty: it is.
[[nodiscard]] std::optional<api::Problem> make_readable(httplib::Request& request);

[[nodiscard]] api::Problem server_ends();  // 503
[[nodiscard]] api::Problem no_key();       // 401

// Of what it has answered with this status. `allowed`: the methods that the path has; empty: there is no such path.
[[nodiscard]] api::Problem failure_of(const httplib::Request& request, int status, const std::string& allowed,
                                      Bytes most_body);

}  // namespace plimsoll::server
