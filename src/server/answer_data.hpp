// answer_data: what we keep among the HTTP library's data of an answer (user_data), for as long as it has the answer.
#pragma once
#include <memory>

#include "arriving_body.hpp"

namespace plimsoll::server {

inline constexpr const char* kRequestId = "x-request-id";  // a header, too

inline constexpr const char* kArriving = "arriving";
using Arriving = std::shared_ptr<ArrivingBody>;  // null: it has arrived

inline constexpr const char* kOpen = "open";  // see RequestCounters::Open

inline constexpr const char* kEnded = "ended";  // an int: the status for log and counters, where another one was sent

}  // namespace plimsoll::server
