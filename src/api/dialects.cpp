#include <array>

#include "api/dialect.hpp"
#include "api/json_lines.hpp"

namespace plimsoll::api {

std::span<const Dialect> dialects() {
  static constexpr std::array kDialects{
      Dialect{"/v1/chat/completions", ErrorShape::openai, read_chat_completion},
      Dialect{"/v1/completions", ErrorShape::openai, read_completion},
      Dialect{"/v1/responses", ErrorShape::openai, read_response},
      Dialect{"/v1/messages", ErrorShape::anthropic, read_message},
      Dialect{"/api/chat", ErrorShape::ollama, read_ollama_chat, kJsonLines},
      Dialect{"/api/generate", ErrorShape::ollama, read_ollama_generate, kJsonLines},
      Dialect{"/api/v1/chat", ErrorShape::lm_studio, read_lm_studio_chat},
      Dialect{"/completion", ErrorShape::openai, read_llama_completion},
      Dialect{"/completions", ErrorShape::openai, read_llama_completions},
      Dialect{"/infill", ErrorShape::openai, read_llama_infill},
  };
  return kDialects;
}

}  // namespace plimsoll::api
