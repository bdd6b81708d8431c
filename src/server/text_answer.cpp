#include "text_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>

#include "media_prompt.hpp"
#include "token_logprob.hpp"

namespace plimsoll::server {

TextAnswer::TextAnswer(TextSlot& slot, Asked asked, Reader reader)
    : slot_(slot),
      asked_(std::move(asked)),
      reader_(reader),
      end_(asked_.client, asked_.stop_tokens, asked_.most_time),
      stream_(reader.listener, asked_.choice, std::move(asked_.form)) {}

TextAnswer::~TextAnswer() = default;

void TextAnswer::laid_out(std::size_t in_memory) {
  in_memory_ = in_memory;
  if (asked_.is_first_of_prompt) cached_ = in_memory;
}

void TextAnswer::follow(TextAnswer& other) {
  conversation_ = &slot_.conversation();  // is taken here, not on the decode loop
  {
    const std::lock_guard lock(other.mutex_);
    if (!other.prompt_is_decoded_) return other.followers_.push_back(this);
  }
  conversation_->copy_from(other.slot_.conversation());
  is_copied_ = true;
}

// The others' conversations are used by nobody until they are copied.
void TextAnswer::on_prompt_decoded() {
  std::vector<TextAnswer*> followers;
  {
    const std::lock_guard lock(mutex_);
    prompt_is_decoded_ = true;
    followers = std::exchange(followers_, {});
  }
  for (TextAnswer* follower : followers) {
    follower->conversation_->copy_from(*conversation_);
    follower->is_copied_ = true;
  }
  if (!followers.empty()) reader_.ready.notify();
}

void TextAnswer::on_read(const run::ReadToken& token) {
  const auto now = std::chrono::steady_clock::now();
  const bool is_first = !reader_.times.first();
  reader_.times.token(last_token_, now);
  if (is_first) slot_.count_first_token(*reader_.times.first());
  end_.token(token.token, now);
  std::optional<api::TokenLogprob> logprob;
  if (token.opinion != nullptr) {
    logprob = token_logprob(slot_.lease().served().vocabulary()->vocab(), *token.opinion);
    sum_of_logprobs_ += logprob->logprob;
  }
  stream_.on_token(token.token, asked_.top_logprobs ? std::move(logprob) : std::nullopt);
}

void TextAnswer::add_callbacks(run::GenerationParams& params) {
  params.stop = end_.stop();
  if (!asked_.has_media) params.draft = slot_.lease().draft();  // a draft has not seen what its target has
  has_draft_ = params.draft.has_value();
  params.on_ready = [&ready = reader_.ready] { ready.notify(); };
  params.prompt_decoded = [this] { on_prompt_decoded(); };
  params.on_read = [this](const run::ReadToken& token) { on_read(token); };
  if (asked_.top_logprobs || asked_.is_rated) params.likeliest = asked_.top_logprobs.value_or(0);
  params.likeliest_after_sampling = asked_.after_sampling;
  if (!asked_.tells_progress) return;
  // How much is there beforehand is told first: what comes then is measured against it.
  const std::size_t total = asked_.prompt.size();
  const std::size_t cached = std::min(in_memory_.value_or(0), total);
  progress_.push_back({.choice = asked_.choice, .total = total, .cached = cached, .processed = cached});
  params.prompt_progress = [this, total, cached](std::size_t done, std::size_t of) {
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began_;
    const std::size_t processed = total - std::min(of, total) + done;
    const std::lock_guard lock(mutex_);
    progress_.push_back(
        {.choice = asked_.choice, .total = total, .cached = cached, .processed = processed, .ms = took.count()});
    reader_.ready.notify();
  };
}

bool TextAnswer::knows_prompt() const noexcept { return asked_.of_prompt->tokens.size() == asked_.prompt.size(); }

// Of a token with its alternatives: texts, and what they stand in; their copy that is told, all of a prompt's at once,
// its JSON and the text of that.
constexpr Bytes kOfAPromptLogprob{512};

void TextAnswer::ask_about_prompt(run::GenerationParams& params) {
  const engine::Vocab vocab = slot_.lease().served().vocabulary()->vocab();
  asked_.of_prompt->reader = this;
  asked_.of_prompt->tokens = {first_of_prompt(vocab, asked_.prompt.front())};
  params.prompt_likeliest = asked_.top_logprobs.value_or(0);
  params.on_prompt_read = [this, vocab](const run::TokenOpinion& opinion) {
    slot_.grow(Bytes{kOfAPromptLogprob.value() * (1 + opinion.likeliest.size())});
    asked_.of_prompt->tokens.push_back(prompt_logprob(vocab, opinion));
  };
}

// Another answer to the prompt may be finding out what this one tells first.
bool TextAnswer::may_begin() const {
  if (is_paused_) return false;  // it would begin in a slot that is given away
  if (asked_.of_prompt && asked_.of_prompt->reader != nullptr && !knows_prompt()) return false;
  return in_memory_ || is_copied_;
}

// A prompt that only begins as the other one does is gone on with from there.
void TextAnswer::begin() {
  conversation_ = &slot_.conversation();
  if (asked_.of_prompt && asked_.of_prompt->reader == nullptr) {
    slot_.begin_anew(asked_.prompt);
    laid_out(0);
    ask_about_prompt(asked_.generation);
  } else if (!in_memory_) {
    const bool is_the_same = conversation_->has_logits() && holds(conversation_->tokens(), asked_.prompt);
    laid_out(is_the_same ? asked_.prompt.size() : slot_.go_back_to(asked_.prompt));
  }
  add_callbacks(asked_.generation);
  generation_.emplace(*conversation_, std::move(asked_.generation));
}

void TextAnswer::tell_progress() {
  std::vector<api::PromptProgress> progress;
  {
    const std::lock_guard lock(mutex_);
    progress = std::exchange(progress_, {});
  }
  for (const api::PromptProgress& one : progress) reader_.listener.progress(one);
}

void TextAnswer::pause() {
  is_paused_ = true;
  if (generation_) generation_->pause();
}

void TextAnswer::go_on() {
  is_paused_ = false;
  if (generation_) generation_->go_on(slot_.lease().draft());
}

// As llama-server has it: an answer without a token.
TextAnswer::Told TextAnswer::end_without_a_prompt() {
  stream_.set_timings(timings());
  if (!stream_.end(run::FinishReason::length, {}, asked_.is_rated ? std::optional(0.0) : std::nullopt))
    throw Error(ErrorCode::cancelled, "the client has gone");
  is_over_ = true;
  return Told::its_end;
}

TextAnswer::Told TextAnswer::tell() {
  if (asked_.prompt.empty()) return end_without_a_prompt();
  if (!generation_) {
    if (!may_begin()) {
      if (!is_paused_ && asked_.client.stop_requested()) throw_cancelled();
      return Told::nothing;
    }
    begin();
    if (!asked_.of_prompt) tell_echo();
  }
  const auto piece = generation_->poll();
  if (asked_.tells_progress) tell_progress();
  if (asked_.of_prompt && knows_prompt()) tell_echo();
  tokens_ = generation_->tokens().size();
  stream_.set_timings(timings());
  if (!piece) {
    end();
    is_over_ = true;
    return Told::its_end;
  }
  if (piece->empty()) return Told::nothing;
  if (!stream_.text(*piece)) throw_cancelled();
  return Told::something;
}

void TextAnswer::tell_echo() {
  if (std::exchange(echo_is_told_, true)) return;
  std::vector<api::TokenLogprob> logprobs;
  if (asked_.of_prompt) logprobs = asked_.of_prompt->tokens;
  if (asked_.echo.empty() && logprobs.empty()) return;
  if (!stream_.echo(asked_.echo, std::move(logprobs))) throw_cancelled();
}

void TextAnswer::throw_cancelled() const {
  throw Error(ErrorCode::cancelled, fmt::format("the request was cancelled after {} tokens", tokens_));
}

void TextAnswer::end() {
  const AnswerEnd::Why why = end_.why();
  run::FinishReason reason = generation_->finish_reason();
  if (reason == run::FinishReason::cancelled && why != AnswerEnd::Why::nothing && !asked_.client.stop_requested())
    reason = why == AnswerEnd::Why::token ? run::FinishReason::end_of_generation : run::FinishReason::length;
  if (reason == run::FinishReason::cancelled) throw_cancelled();
  std::optional<double> rating;
  if (asked_.is_rated) rating = tokens_ > 0 ? sum_of_logprobs_ / static_cast<double>(tokens_) : 0;
  if (!stream_.end(reason, generation_->stop_string(), rating))
    throw Error(ErrorCode::cancelled, "the client has gone");
}

api::Timings TextAnswer::timings() const {
  if (!generation_) return {};
  const run::GenerationTiming& timing = generation_->timing();
  const auto read = std::min(static_cast<std::size_t>(timing.prompt_tokens), asked_.prompt.size());
  api::Timings out{.cached = asked_.prompt.size() - read,
                   .prompt = read,
                   .prompt_ms = timing.prompt_ms,
                   .predicted = static_cast<std::size_t>(timing.generated_tokens),
                   .predicted_ms = timing.generate_ms};
  if (has_draft_) {
    out.drafted = timing.speculation.proposed;
    out.accepted = timing.speculation.accepted;
  }
  return out;
}

}  // namespace plimsoll::server
