#include <array>

#include "api/dialect.hpp"

namespace plimsoll::api {

std::span<const Dialect> dialects() {
  static constexpr std::array kDialects{
      Dialect{"/v1/chat/completions", ErrorShape::openai, read_chat_completion},
      Dialect{"/v1/completions", ErrorShape::openai, read_completion},
      Dialect{"/v1/responses", ErrorShape::openai, read_response},
      Dialect{"/v1/messages", ErrorShape::anthropic, read_message},
  };
  return kDialects;
}

}  // namespace plimsoll::api
