// request_path: the paths that clients write, as the routes are called.
#pragma once
#include <string>
#include <string_view>

namespace plimsoll::server {

// "//v1/models/", "/v1/v1/models", "/api/v1/models", "/openai/v1/models", "http://localhost/v1/models" and, where
// OpenAI's and Anthropic's clients ask for it, "/models" are "/v1/models". Everything else is left as it is, but for
// doubled and trailing slashes; so are LM Studio's own "/api/v1/chat" and "/api/v1/models" with its commands.
[[nodiscard]] std::string usual_path(std::string_view method, std::string_view path);

}  // namespace plimsoll::server
