// lm_studio_writer: how LM Studio's /api/v1/chat writes an answer.
#pragma once
#include <memory>

#include "api/dialect.hpp"

namespace plimsoll::api {

// `is_stored`: later requests may go on from it.
[[nodiscard]] std::unique_ptr<AnswerWriter> lm_studio_writer(bool is_stored);

}  // namespace plimsoll::api
