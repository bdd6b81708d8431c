// ollama_models: what Ollama's clients are told about the models that are here.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "api/json_text.hpp"

namespace plimsoll::api {

// The version of Ollama whose API this is; clients ask for one that is new enough: Codex wants 0.13.4, the first one
// with /v1/responses. 0.14 has /v1/messages as well.
inline constexpr const char* kOllamaVersion = "0.14.2";

struct OllamaModel {
  std::string name{};
  std::string modified_at{};  // "2026-11-30T00:00:00Z"
  std::uint64_t size = 0;     // bytes of its files
  std::string digest{};       // 64 hexadecimal digits: which file it is
  std::string family{};       // "llama"
  std::uint64_t parameters = 0;
  std::string description{};  // the engine's: "llama 8B Q4_K - Medium"
};

// What a loaded one takes.
struct OllamaLoaded {
  OllamaModel model{};
  std::uint64_t bytes = 0;
  std::uint64_t device_bytes = 0;  // of those, on accelerators
  std::string expires_at{};
  std::uint32_t context = 0;  // tokens of a sequence
};

struct OllamaShown {
  OllamaModel model{};
  std::string chat_template{};
  Json model_info{};
  std::vector<std::string> capabilities{};
  std::uint32_t context = 0;
};

// "NAME" is "NAME:latest", as Ollama lists it; a name with a tag stays as it is.
[[nodiscard]] std::string with_a_tag(const std::string& name);
// 8'030'261'248 is "8.0B", 1'083'008 is "1.08M".
[[nodiscard]] std::string parameter_size(std::uint64_t parameters);
// "llama 8B Q4_K - Medium" is "Q4_K_M".
[[nodiscard]] std::string quantization_level(const std::string& description);

[[nodiscard]] Json ollama_tags(const std::vector<OllamaModel>& models);
[[nodiscard]] Json ollama_ps(const std::vector<OllamaLoaded>& models);
[[nodiscard]] Json ollama_show(const OllamaShown& shown);

}  // namespace plimsoll::api
