// llama_settings: what an answer is made with, as llama-server's /completion and /props tell it.
#pragma once
#include "api/text_request.hpp"

namespace plimsoll::api {

[[nodiscard]] Json llama_settings(const TextRequest& request);

}  // namespace plimsoll::api
