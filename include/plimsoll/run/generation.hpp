// Generation: one request on a ready instance: a prompt in, pieces of text out.
#pragma once
#include <generator>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/clock.hpp>
#include <plimsoll/engine/sampler.hpp>
#include <plimsoll/run/instance.hpp>
#include <plimsoll/run/text_stream.hpp>

namespace plimsoll::run {

inline constexpr std::int32_t kDefaultPredict = 256;

struct GenerationParams {
  std::vector<engine::Token> prompt{};     // at least one token
  std::int32_t predict = kDefaultPredict;  // tokens to generate at most; < 0: until the context is full
  engine::SamplingParams sampling{};
  std::vector<std::string> stop_strings{};
  bool ignore_end_of_generation = false;  // go on past the model's own end
  std::stop_token stop{};                 // honoured within one micro-batch
};

enum class FinishReason {
  running,
  end_of_generation,  // the model ended it
  stop_string,
  length,  // `predict` tokens, or the context is full
  cancelled,
};
[[nodiscard]] std::string_view to_string(FinishReason reason) noexcept;

struct GenerationTiming {
  double prompt_ms = 0;
  double generate_ms = 0;  // first sampled token to the last one
  std::int32_t prompt_tokens = 0;
  std::int32_t generated_tokens = 0;
};

// Uses sequence 0, from its beginning; leaves the context empty when it is destroyed. One at a time for an instance,
// one thread.
class Generation {
 public:
  // Throws Error: context_overflow (the prompt leaves no room for a single token), usage (no prompt, a token that is
  // none, a broken grammar).
  Generation(Instance& instance, GenerationParams params);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // The next piece of text, never empty; nothing at the end. Models without a vocabulary give their token ids as text,
  // "12 7 431". The first call decodes the prompt. Throws Error: engine_failed, sealed, out_of_device_memory.
  [[nodiscard]] std::optional<std::string> next();

  [[nodiscard]] FinishReason finish_reason() const noexcept { return reason_; }
  [[nodiscard]] const std::vector<engine::Token>& tokens() const noexcept { return tokens_; }  // those generated
  [[nodiscard]] const GenerationTiming& timing() const noexcept { return timing_; }

 private:
  void decode_prompt();
  void decode_token(engine::Token token);
  [[nodiscard]] bool check(engine::DecodeStatus status);
  [[nodiscard]] std::optional<engine::Token> next_token();
  [[nodiscard]] std::string text_of(engine::Token token) const;

  Instance& instance_;
  GenerationParams params_;
  engine::Sampler sampler_;
  TextStream text_;
  std::vector<engine::Token> tokens_;
  engine::Position position_ = 0;  // where the next token goes
  bool prompt_done_ = false;
  FinishReason reason_ = FinishReason::running;
  GenerationTiming timing_;
};

// The pieces as a range that may be left early: for (const std::string& piece : pieces(generation)) ...
[[nodiscard]] std::generator<std::string> pieces(Generation& generation);

}  // namespace plimsoll::run
