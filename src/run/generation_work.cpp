#include "generation_work.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>

#include "run/decode_failure.hpp"

namespace plimsoll::run {
namespace {

bool can_forget_its_tail(const engine::ModelFacts& model) {
  return !model.is_recurrent && !model.is_hybrid && model.n_swa <= 0;
}

}  // namespace

Generation::Work::Work(Conversation& conversation, std::shared_ptr<SequenceSchedule> schedule,
                       std::shared_ptr<Sequence> sequence, GenerationParams params)
    : conversation_(conversation),
      schedule_(std::move(schedule)),
      sequence_(std::move(sequence)),
      params_(std::move(params)),
      text_(params_.stop_strings, params_.keep_stop_string) {
  const engine::Model& model = *conversation_.instance().model();
  sampler_ = params_.sampler ? params_.sampler : std::make_shared<engine::Sampler>(model, params_.sampling);
  const bool at_the_readers_pace = params_.sampler || (params_.on_token && params_.on_token_reads_logits);
  if (!at_the_readers_pace) ahead_ = params_.read_ahead.value_or(can_forget_its_tail(model.facts()) ? 1 : 0);
  listen_for_pause(params_.pause);
}

void Generation::Work::read_ahead(std::size_t pieces, bool reads_all) {
  const std::lock_guard lock(mutex_);
  if (reads_all || ahead_ > 0) ahead_ = std::max(ahead_, pieces);
}

void Generation::Work::begin() {
  if (is_begun_) return;
  since_last_ = Stopwatch();
  if (!was_begun_) prompt_size_ = conversation_.waiting();
  was_begun_ = true;
  schedule_->attach(*sequence_, *this);
  is_begun_ = true;
}

void Generation::Work::expect_a_piece() { tells_at_ = std::chrono::steady_clock::now() + params_.waiting.step; }

void Generation::Work::listen_for_pause(std::stop_token pause) {
  pause_asked_.reset();
  params_.pause = std::move(pause);
  if (params_.pause.stop_possible()) pause_asked_.emplace(params_.pause, Wake{this});
}

bool Generation::Work::pause_if_asked() {
  if (!schedule_ || !is_asked_to_pause()) return is_paused_;
  schedule_->detach(*sequence_, *this);
  schedule_.reset();
  sequence_.reset();
  is_begun_ = false;
  return is_paused_ = true;
}

bool Generation::Work::is_read() {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && progress_.empty();
}

// Logits are not saved: where they were there and nothing had been chosen from them, the last token gives them anew.
void Generation::Work::go_on(std::shared_ptr<SequenceSchedule> schedule, std::shared_ptr<Sequence> sequence,
                             std::stop_token pause) {
  if (!is_paused_) throw Error(ErrorCode::usage, "this generation is not paused");
  schedule_ = std::move(schedule);
  sequence_ = std::move(sequence);
  if (last_is_appended_) conversation_.refresh();
  is_paused_ = false;
  listen_for_pause(std::move(pause));
}

// False: it is time to tell that there are none.
bool Generation::Work::wait_for_news(std::unique_lock<std::mutex>& lock) {
  const auto has_news = [&] { return !queue_.empty() || !progress_.empty() || is_paused_ || is_asked_to_pause(); };
  if (has_news()) return true;
  reader_waits_ = true;
  if (std::exchange(is_held_, false)) schedule_->wake();
  bool in_time = true;
  if (params_.waiting.tell)
    in_time = changed_.wait_until(lock, tells_at_, has_news);
  else
    changed_.wait(lock, has_news);
  reader_waits_ = false;
  return in_time;
}

// The caller's own functions are called without the lock.
std::optional<Generation::Output> Generation::Work::pop() {
  std::unique_lock lock(mutex_);
  while (!wait_for_news(lock) || !progress_.empty()) {
    std::optional<std::size_t> done;
    if (!progress_.empty()) {
      done = progress_.front();
      progress_.pop_front();
    } else {
      expect_a_piece();
    }
    lock.unlock();
    if (done)
      params_.prompt_progress(*done, prompt_size_);
    else
      params_.waiting.tell();
    lock.lock();
  }
  if (queue_.empty()) return std::nullopt;
  Output output = std::move(queue_.front());
  queue_.pop_front();
  if (!output.text.empty()) --pieces_;
  if (output.failure) is_begun_ = was_begun_ = false;
  if (output.reason != FinishReason::running) is_over_ = true;
  if (pieces_ < ahead_ && std::exchange(is_held_, false)) schedule_->wake();
  return output;
}

void Generation::Work::put_back(Output output) {
  const std::lock_guard lock(mutex_);
  if (!output.text.empty()) ++pieces_;
  is_over_ = false;
  queue_.push_front(std::move(output));
}

bool Generation::Work::next_is_the_end() {
  const std::lock_guard lock(mutex_);
  return !queue_.empty() && queue_.front().token == LLAMA_TOKEN_NULL && !queue_.front().failure;
}

std::string Generation::Work::end(const std::vector<engine::Token>& read) {
  pause_asked_.reset();
  if (!schedule_) return {};
  schedule_->detach(*sequence_, *this);  // from here on the loop uses nothing of this
  const auto schedule = std::exchange(schedule_, nullptr);
  const auto sequence = std::exchange(sequence_, nullptr);
  if (std::exchange(is_over_, true)) return {};
  if (chosen_ == read.size() && appended_ <= chosen_) {
    append(params_.stop.stop_requested());
    return text_.finish();
  }
  conversation_.rewind(appended_ - (read.empty() ? 0 : read.size() - 1));
  if (!read.empty()) conversation_.prompt(read.back());
  return {};
}

void Generation::Work::before_batch(Sequence& sequence) {
  if (params_.stop.stop_requested()) return finish(sequence, FinishReason::cancelled, {});
  if (sequence.waiting() > 0) return;
  if (last_is_appended_) return choose(sequence);  // the logits were there before it began
  if (!may_go_on()) return;
  since_last_ = Stopwatch();
  append(false);
}

void Generation::Work::decoded(Sequence& sequence) {
  if (!prompt_is_done_ && params_.prompt_progress)
    note_progress(prompt_size_ - std::min(prompt_size_, sequence.waiting()));
  if (sequence.waiting() == 0 && last_is_appended_) choose(sequence);  // else it made way while its reader was slow
}

void Generation::Work::note_progress(std::size_t done) {
  const std::lock_guard lock(mutex_);
  progress_.push_back(done);
  if (reader_waits_) changed_.notify_one();
}

void Generation::Work::note_prompt() {
  prompt_is_done_ = true;
  for (const engine::Token token : sequence_->tokens) {
    if (token >= 0 && !params_.sampler) sampler_->accept(token);
  }
  prompt_ms_ = since_last_.elapsed_ms();
  since_last_ = Stopwatch();
}

void Generation::Work::choose(Sequence& sequence) {
  const std::span<const float> logits = schedule_->row(sequence);  // a device is at work until they are there
  if (!prompt_is_done_) note_prompt();
  if (params_.predict == 0) return finish(sequence, FinishReason::length, {});
  const engine::Token token = sampler_->sample(logits);
  if (!params_.ignore_end_of_generation && conversation_.instance().model()->vocab().is_end_of_generation(token)) {
    if (params_.keep_end_token && conversation_.room() > 0) {
      conversation_.prompt(token);
      ++appended_;
    }
    return finish(sequence, FinishReason::end_of_generation, {});
  }
  if (params_.on_token && params_.on_token_reads_logits) params_.on_token(token, logits);
  last_ = token;
  last_is_appended_ = false;
  ++chosen_;
  Output output{.token = token, .text = text_.push(text_of(token))};
  generate_ms_ += since_last_.elapsed_ms();
  since_last_ = Stopwatch();
  if (text_.stopped()) return finish(sequence, FinishReason::stop_string, std::move(output));
  push(std::move(output));
  if (is_at_limit()) return finish(sequence, FinishReason::length, {});
  if (may_go_on())
    append(false);
  else
    schedule_->forget_logits(sequence);  // they have been chosen from
}

std::string Generation::Work::text_of(engine::Token token) const {
  const engine::Vocab vocab = conversation_.instance().model()->vocab();
  if (vocab.present()) return vocab.piece(token, params_.show_special);
  return chosen_ > 1 ? fmt::format(" {}", token) : std::to_string(token);
}

bool Generation::Work::is_at_limit() {
  if (params_.predict >= 0 && std::cmp_greater_equal(chosen_, params_.predict)) return true;
  const bool full = conversation_.room() == 0;
  const ContextOverflow strategy = params_.overflow.strategy;
  return full && (strategy == ContextOverflow::stop || (strategy == ContextOverflow::fail && params_.predict < 0));
}

// What makes room in a full context cannot be taken back: that waits until everything is read and more is asked for.
bool Generation::Work::may_go_on() {
  const bool full = conversation_.room() == 0;
  const std::lock_guard lock(mutex_);
  const bool may = full ? reader_waits_ && queue_.empty() : pieces_ < ahead_ + (reader_waits_ ? 1 : 0);
  is_held_ = !may;
  return may;
}

// The token chosen last becomes part of the conversation, once there is room for it.
void Generation::Work::append(bool for_the_last_time) {
  if (last_is_appended_) return;
  if (for_the_last_time) {
    last_is_appended_ = true;
    if (conversation_.room() == 0) return;  // nobody asks what comes after it
  }
  make_room(conversation_, params_.overflow);
  conversation_.prompt(last_);
  last_is_appended_ = true;
  ++appended_;
}

void Generation::Work::finish(Sequence& sequence, FinishReason reason, Output output) {
  append(true);
  sequence.continuation = nullptr;
  output.reason = reason;
  if (output.token == LLAMA_TOKEN_NULL) output.text = text_.finish();
  push(std::move(output));
}

void Generation::Work::ended(engine::DecodeStatus status, std::exception_ptr failure) noexcept {
  if (!failure && status == engine::DecodeStatus::aborted)
    return push({.text = text_.finish(), .reason = FinishReason::cancelled});
  if (!failure && status == engine::DecodeStatus::no_kv_slot && prompt_is_done_)
    return push({.text = text_.finish(), .reason = FinishReason::length});
  if (!failure) {
    const Instance& instance = conversation_.instance();
    try {
      require_decoded(status, fmt::format("decoding on '{}'", instance.name()), instance);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  push({.failure = std::move(failure)});
}

// Whoever destroys this after the last output takes the schedule's lock first: see end().
void Generation::Work::push(Output output) noexcept {
  output.prompt_ms = prompt_ms_;
  output.generate_ms = generate_ms_;
  bool reader_waits = false;
  {
    const std::lock_guard lock(mutex_);
    if (!output.text.empty()) ++pieces_;
    queue_.push_back(std::move(output));
    reader_waits = reader_waits_;
  }
  if (reader_waits) changed_.notify_one();
}

}  // namespace plimsoll::run
