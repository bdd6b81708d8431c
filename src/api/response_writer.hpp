// response_writer: answers in the shape of OpenAI's /v1/responses.
#pragma once
#include <memory>

#include "api/dialect.hpp"

namespace plimsoll::api {

// `asked`: the request's own fields, which every answer repeats. Without `tells_thoughts` they are not shown.
[[nodiscard]] std::unique_ptr<AnswerWriter> make_response_writer(Json asked, bool tells_thoughts);

}  // namespace plimsoll::api
