// TextRequest: what is asked of a model that writes text, whichever API it was asked in. A plain value.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <plimsoll/engine/sampling.hpp>
#include "api/adapter_fields.hpp"
#include "api/json_text.hpp"
#include "api/keep_alive.hpp"
#include "api/media_list.hpp"
#include "engine/chat_template.hpp"

namespace plimsoll::api {

struct ToolChoice {
  enum class Kind { automatic, none, required };
  Kind kind = Kind::automatic;
  std::string name{};                  // with `required`: this one
  std::vector<std::string> allowed{};  // of those that are told; empty: all
};

struct ChatPrompt {
  std::vector<engine::ChatMessage> messages{};
  Json tools{};  // null, or [{"type": "function", "function": {"name", "description", "parameters"}}]
  ToolChoice tool_choice{};
  bool parallel_tool_calls = true;
  Json template_values{};               // what the template may ask for by name; null, or {"enable_thinking": false}
  std::vector<engine::Token> before{};  // what stands before it: an earlier answer's Ollama context
  bool add_generation_prompt = true;    // false: the prompt ends with the last message
  bool goes_on = false;                 // the last message is the model's own, and the answer continues it
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

// For the tokens of a text, each.
struct TextBias {
  std::string text;
  float bias = 0;
  friend bool operator==(const TextBias&, const TextBias&) = default;
};

struct TextRequest {
  std::string model{};  // empty: the only one, or the first
  std::variant<ChatPrompt, std::vector<RawPrompt>, InfillPrompt> prompt{};
  MediaList media{};                          // that the prompt has marks of: a chat, or one text
  std::int32_t n = 1;                         // answers to each prompt
  std::int32_t best_of = 1;                   // more than n: so many are made, and the n likeliest are given
  std::optional<std::int32_t> most_tokens{};  // of an answer; empty: until the context is full
  std::int32_t least_tokens = 0;              // of an answer: the model does not end it before
  std::optional<std::int32_t> most_thought_tokens{};
  std::optional<std::chrono::milliseconds> most_time{};  // for the tokens of an answer
  engine::SamplingParams sampling{};                     // its grammar is one that was given as such
  std::set<std::string> sampling_given{};  // of those: what was named, by llama-server's names; see PartialSampling
  std::vector<TextBias> text_biases{};     // beside the sampling's own
  Json schema{};                           // of the answer, where it has to be JSON; else null
  std::vector<std::string> stop_strings{};
  bool keep_stop_string = false;              // it is shown, too
  std::vector<engine::Token> stop_tokens{};   // end an answer as well
  std::optional<std::size_t> top_logprobs{};  // log-probabilities of this many alternatives, and of the choice
  bool after_sampling = false;    // those are of the tokens that the samplers left, and told as probabilities
  bool echo = false;              // the prompt in front of the answer; of a chat: the message that it goes on with
  bool tells_prompt = false;      // log-probabilities of its tokens as well, before the answer's
  bool thoughts_as_text = false;  // a model's thoughts are left where they stand in its text
  bool tells_times = false;       // with each piece
  bool tells_progress = false;    // of reading the prompt
  std::optional<int> priority{};  // higher: sooner; empty: its key's
  bool stream = false;
  std::optional<std::chrono::seconds> heartbeat{};  // a stream is never silent for longer; 0: it may be
  bool shows_tokens = false;  // the answer has the ids of its tokens, and the prompts as they were read
  std::optional<KeepAlive> keep_alive{};
  std::optional<std::vector<AdapterScale>> adapters{};  // of those that are not named nothing; empty: what is usual
  std::optional<std::uint32_t> conversation_number{};   // of the kept one that it goes on with, whatever that holds
};

inline constexpr std::int32_t kMostAnswers = 128;
inline constexpr std::size_t kMostPrompts = 256;
inline constexpr std::size_t kMostStopStrings = 64;
inline constexpr std::size_t kMostStopBytes = 65'536;    // of all together: each answer holds its own
inline constexpr std::size_t kMostNamedTokens = 16'384;  // biased, or ends of the answer: each answer has a copy
inline constexpr std::size_t kMostSamplers = 32;
inline constexpr std::size_t kMostBreakers = 64;  // the engine looks through the whole vocabulary for each
inline constexpr std::size_t kMostLogprobs = 20;

}  // namespace plimsoll::api
