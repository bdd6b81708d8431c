// ResponseStream: one answer on its way from the model to whoever listens: its text without calls and thoughts, its
// thoughts, its calls, and log-probabilities.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "api/answer.hpp"
#include "api/answer_check.hpp"
#include "api/reasoning.hpp"
#include "api/tool_calls.hpp"
#include "engine/vocab.hpp"
#include "run/generation.hpp"

namespace plimsoll::server {

// Hears an answer as it comes. False: nobody listens any more.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void progress(const api::PromptProgress& /*progress*/) {}
  // Nothing has come for that long, or nothing that can be told yet.
  virtual void nothing_yet() {}
  [[nodiscard]] virtual std::chrono::milliseconds look_every() const { return std::chrono::seconds(60); }
  [[nodiscard]] virtual bool piece(const api::Piece& piece) = 0;
  [[nodiscard]] virtual bool end_of_choice(const api::ChoiceEnd& end) = 0;
};

// One thread. The listener outlives it.
class ResponseStream {
 public:
  // What an answer may hold besides text; empty: not looked for.
  struct Form {
    std::optional<api::ToolCallReader> calls{};
    std::optional<api::ReasoningReader> reasoning{};
    bool shows_tokens = false;        // pieces have the ids of their tokens
    bool tells_times = false;         // with each piece
    bool calls_are_required = false;  // there is no other answer
    std::optional<api::AnswerCheck> check{};
  };

  ResponseStream(Listener& listener, std::size_t choice, Form form)
      : listener_(listener), choice_(choice), form_(std::move(form)) {}

  // Each token, before its text; its log-probability where that is told.
  void on_token(engine::Token token, std::optional<api::TokenLogprob> logprob);
  // The prompt, before everything else; with how likely its tokens were, where that is told. False: nobody listens any
  // more. So with the others.
  [[nodiscard]] bool echo(std::string text, std::vector<api::TokenLogprob> logprobs);
  [[nodiscard]] bool text(std::string text);
  [[nodiscard]] bool end(run::FinishReason reason, const std::string& stop_string,
                         std::optional<double> mean_logprob = {});
  // What the next piece and the end tell of it.
  void set_timings(const api::Timings& timings) { timings_ = timings; }

  [[nodiscard]] Listener& listener() const noexcept { return listener_; }
  [[nodiscard]] std::size_t tokens_of_thoughts() const noexcept { return tokens_of_thoughts_; }
  // After end(): what became of the check.
  [[nodiscard]] const std::optional<api::SchemaVerdict>& schema_check() const noexcept { return schema_check_; }

 private:
  [[nodiscard]] bool is_beside_the_answer() const;
  [[nodiscard]] bool tell_read(api::ReasoningReader::Read read);
  [[nodiscard]] bool tell(std::string thoughts, std::string text);
  [[nodiscard]] std::string without_calls(std::string text);

  Listener& listener_;
  std::size_t choice_;
  Form form_;
  bool called_ = false;
  std::optional<api::SchemaVerdict> schema_check_;
  std::optional<api::Timings> timings_;
  std::size_t tokens_of_thoughts_ = 0;
  std::vector<api::TokenLogprob> logprobs_;
  std::vector<std::int32_t> tokens_;  // not told yet
};

}  // namespace plimsoll::server
