// Answer: what a model said, in pieces or as a whole, before an API gives it its shape. Plain values.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/engine/sampling.hpp>
#include "api/schema_verdict.hpp"
#include "api/timings.hpp"

namespace plimsoll::api {

// A prompt as it was read, and its text.
struct ReadPrompt {
  std::vector<std::int32_t> tokens{};
  std::string text{};
  std::int32_t most_tokens = -1;  // of an answer to it; -1: as many as fit
  std::size_t vectors = 0;        // of its pictures and sounds, each in the place of a token

  [[nodiscard]] std::size_t size() const noexcept { return tokens.size() + vectors; }
};

// Known when the model is ready and the prompt is read, before the first piece.
struct ResponseMeta {
  std::string id;            // random hexadecimal digits; each API puts its own letters in front
  std::int64_t created = 0;  // seconds since 1970
  std::string model;
  std::size_t prompt_tokens = 0;
  std::size_t cached_tokens = 0;       // of those, in memory already
  std::vector<ReadPrompt> prompts{};   // only where TextRequest::shows_tokens
  std::size_t answers_per_prompt = 1;  // choices are counted prompt after prompt
  // What it is made with, of the file, the fleet, the preset and the request; only where TextRequest::shows_tokens.
  std::optional<engine::SamplingParams> sampling{};
  std::vector<float> adapter_scales{};  // of all that were planned; where there is `sampling`
};

// How much of a prompt has been read.
struct PromptProgress {
  std::size_t choice = 0;
  std::size_t total = 0;
  std::size_t cached = 0;
  std::size_t processed = 0;  // the cached ones among them
  double ms = 0;
};

struct Usage {
  std::size_t prompt_tokens = 0;
  std::size_t cached_tokens = 0;
  std::size_t completion_tokens = 0;
  std::size_t reasoning_tokens = 0;             // of those, spent on thoughts
  std::optional<Timings> timings{};             // of all answers together
  double load_ms = 0;                           // until the model was there
  double total_ms = 0;                          // since the request was read
  std::optional<SchemaVerdict> schema_check{};  // of all answers together; empty: nothing was to be checked
};

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON as text
  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};

struct TokenLogprob {
  std::string text;  // its bytes, which may be part of a character
  double logprob = 0;
  std::vector<TokenLogprob> top{};     // most likely first
  std::int32_t id = -1;                // of the token
  bool is_first = false;               // of a prompt: nothing stands before it, so it has no log-probability
  std::optional<std::size_t> shown{};  // bytes of it in the text that is shown; empty: all
  friend bool operator==(const TokenLogprob&, const TokenLogprob&) = default;
};

// What came since the last piece of the same choice.
struct Piece {
  std::size_t choice = 0;
  std::string text{};
  std::string reasoning{};             // thoughts; they come before the text
  std::vector<ToolCall> tool_calls{};  // whole ones
  std::vector<TokenLogprob> logprobs{};
  std::vector<std::int32_t> tokens{};  // their ids; only where TextRequest::shows_tokens
  std::optional<Timings> timings{};    // so far, where the request wants them with each piece
};

enum class Finish { stop, length, tool_calls };

struct ChoiceEnd {
  std::size_t choice = 0;
  Finish finish = Finish::stop;
  std::string stop_string{};  // which one ended it; empty: none did
  std::optional<Timings> timings{};
  std::optional<double> mean_logprob{};  // of its tokens; only where TextRequest::best_of chooses
  std::optional<SchemaVerdict> schema_check{};
};

struct Choice {
  std::string text{};
  std::string reasoning{};
  std::vector<ToolCall> tool_calls{};
  std::vector<TokenLogprob> logprobs{};
  Finish finish = Finish::stop;
  std::string stop_string{};
  std::vector<std::int32_t> tokens{};
  Timings timings{};
  double mean_logprob = 0;
  std::optional<SchemaVerdict> schema_check{};
};

struct Answer {
  ResponseMeta meta{};
  std::vector<Choice> choices{};
  Usage usage{};
};

}  // namespace plimsoll::api
