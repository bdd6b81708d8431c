// message_writer: answers in the shape of Anthropic's /v1/messages.
#pragma once
#include <memory>

#include "api/dialect.hpp"

namespace plimsoll::api {

// `with_thoughts`: the client has asked for blocks of thinking; else they are left out.
[[nodiscard]] std::unique_ptr<AnswerWriter> make_message_writer(bool with_thoughts);

}  // namespace plimsoll::api
