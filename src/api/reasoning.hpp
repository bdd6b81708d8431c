// Reasoning: what a model thinks aloud before it answers, told apart from the answer.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "api/channel_reader.hpp"

namespace plimsoll::api {

// How a model marks its thoughts. They stand in front of an answer, or not at all.
struct ReasoningForm {
  std::string_view begin;
  std::string_view end;
  std::string_view instead{};       // what an answer without thoughts may begin with; empty: with itself
  std::string_view answer_begin{};  // what may stand around the answer behind them
  std::string_view answer_end{};
  // What an answer with thoughts may be besides: a row of messages in channels, in any order (see ChannelReader).
  bool has_channels = false;
  friend bool operator==(const ReasoningForm&, const ReasoningForm&) = default;
};

// Told by the template's source: <think> (Qwen, DeepSeek, ...), [THINK] (Magistral), channels (gpt-oss, Gemma 4),
// <seed:think> (Seed-OSS), <|START_THINKING|> (Cohere), [BEGIN FINAL RESPONSE] (Apriel). Empty: none of those, and
// whatever the model writes is its answer.
[[nodiscard]] std::optional<ReasoningForm> reasoning_form(std::string_view template_source);

// The prompt ends inside of a thought, since its template begins one.
[[nodiscard]] bool ends_in_a_thought(std::string_view prompt, const ReasoningForm& form);

// Text in, thoughts and answer out. Holds back what may still become a mark. Whitespace around the marks is shown
// nowhere. What comes out does not depend on how the text was cut into pieces. A value; one thread.
class ReasoningReader {
 public:
  using Read = ChannelReader::Read;

  // `inside`: the prompt ends in a thought.
  explicit ReasoningReader(const ReasoningForm& form, bool inside);

  [[nodiscard]] Read push(std::string_view piece);
  // The rest, once no more comes. A thought without an end is a thought all the same.
  [[nodiscard]] Read finish();
  [[nodiscard]] bool inside() const noexcept { return channels_ ? channels_->inside() : place_ == Place::thought; }
  // What has come last is neither a thought nor an answer.
  [[nodiscard]] bool in_a_header() const { return channels_ && channels_->in_a_header(); }
  // Whatever comes is the answer's.
  [[nodiscard]] bool answers() const noexcept { return channels_ ? channels_->answers() : place_ == Place::answer; }

 private:
  enum class Place { before, thought, after, answer };
  [[nodiscard]] bool step(Read& out, bool last);
  [[nodiscard]] bool begin(bool last);
  [[nodiscard]] bool think(Read& out, bool last);
  [[nodiscard]] bool begin_answer(bool last);
  [[nodiscard]] bool answer(Read& out, bool last);
  // Of a text that begins as what is held does: without the whitespace behind it.
  [[nodiscard]] std::string_view spoken(std::string_view text) const;

  std::optional<ChannelReader> channels_;  // reads all of it, where the form has some
  ReasoningForm form_;
  Place place_;
  bool any_thoughts_ = false;  // have been told: whitespace between them is a part of them
  bool is_framed_ = false;     // the answer is: its end has a mark
  std::string held_;
  std::size_t blanks_ = 0;  // at the beginning of what is held; they have been looked at
};

}  // namespace plimsoll::api
