// TextRequest: what is asked of a model that writes text, whichever API it was asked in. A plain value.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <plimsoll/engine/sampling.hpp>
#include "api/json_text.hpp"
#include "engine/chat_template.hpp"

namespace plimsoll::api {

struct ToolChoice {
  enum class Kind { automatic, none, required };
  Kind kind = Kind::automatic;
  std::string name{};  // with `required`: this one
};

struct ChatPrompt {
  std::vector<engine::ChatMessage> messages{};
  Json tools{};  // null, or [{"type": "function", "function": {"name", "description", "parameters"}}]
  ToolChoice tool_choice{};
  bool parallel_tool_calls = true;
  Json template_values{};               // what the template may ask for by name; null, or {"enable_thinking": false}
  std::vector<engine::Token> before{};  // what stands before it: an earlier answer's Ollama context
};

// A text, and the tokens behind it; either may be empty.
struct PromptPart {
  std::string text{};
  std::vector<engine::Token> tokens{};
  friend bool operator==(const PromptPart&, const PromptPart&) = default;
};
using MixedPrompt = std::vector<PromptPart>;
// Text is read with its special tokens, after the model's own begin token.
using RawPrompt = std::variant<std::string, std::vector<engine::Token>, MixedPrompt>;

// The gap between two texts, to be filled in. What does not fit into the context is cut where it is farthest from the
// gap.
struct InfillPrompt {
  struct Extra {  // of another file
    std::string filename{};
    std::string text{};
    friend bool operator==(const Extra&, const Extra&) = default;
  };
  std::string prefix{};
  std::string suffix{};
  std::string prompt{};        // the beginning of what fills the gap
  std::vector<Extra> extra{};  // the nearest last
};

// How long a model stays loaded after a request.
struct KeepAlive {
  std::optional<std::chrono::milliseconds> idle{};  // empty: for ever; 0: it goes at once
  friend bool operator==(const KeepAlive&, const KeepAlive&) = default;
};

struct TextRequest {
  std::string model{};  // empty: the only one, or the first
  std::variant<ChatPrompt, std::vector<RawPrompt>, InfillPrompt> prompt{};
  std::int32_t n = 1;                         // answers to each prompt
  std::optional<std::int32_t> most_tokens{};  // of an answer; empty: until the context is full
  engine::SamplingParams sampling{};          // its grammar is one that was given as such
  Json schema{};                              // of the answer, where it has to be JSON; else null
  std::vector<std::string> stop_strings{};
  std::optional<std::size_t> top_logprobs{};  // log-probabilities of this many alternatives, and of the choice
  bool echo = false;                          // the prompt in front of the answer
  bool stream = false;
  bool shows_tokens = false;  // the answer has the ids of its tokens, and the prompts as they were read
  std::optional<KeepAlive> keep_alive{};
};

inline constexpr std::int32_t kMostAnswers = 128;
inline constexpr std::size_t kMostPrompts = 256;
inline constexpr std::size_t kMostStopStrings = 64;
inline constexpr std::size_t kMostLogprobs = 20;

}  // namespace plimsoll::api
