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
                       std::shared_ptr<Sequence> sequence, GenerationParams params, std::unique_ptr<Drafting> drafting)
    : conversation_(conversation),
      schedule_(std::move(schedule)),
      sequence_(std::move(sequence)),
      params_(std::move(params)),
      drafting_(std::move(drafting)),
      text_(params_.stop_strings, params_.keep_stop_string) {
  const engine::Model& model = *conversation_.instance().model();
  sampler_ = params_.sampler ? params_.sampler : std::make_shared<engine::Sampler>(model, params_.sampling);
  const bool at_the_readers_pace = params_.sampler || (params_.on_token && params_.on_token_reads_logits);
  if (!at_the_readers_pace) ahead_ = params_.read_ahead.value_or(can_forget_its_tail(model.facts()) ? 1 : 0);
}

void Generation::Work::read_ahead(std::size_t pieces, bool reads_all) {
  const std::lock_guard lock(mutex_);
  if (reads_all || ahead_ > 0) ahead_ = std::max(ahead_, pieces);
}

void Generation::Work::begin() {
  if (is_begun_ || is_paused_) return;
  since_last_ = Stopwatch();
  if (!std::exchange(was_begun_, true)) prompt_size_ = conversation_.waiting();
  if (drafting_) drafting_->begin();
  schedule_->attach(*sequence_, *this);
  is_begun_ = true;
}

void Generation::Work::pause() {
  if (!schedule_) return;  // it is over, or paused
  schedule_->detach(*sequence_, *this);
  if (const auto drafting = std::exchange(drafting_, nullptr)) {
    drafting->end();
    is_drafting_ = false;
    take_back_unchecked();
  }
  schedule_.reset();
  sequence_.reset();
  is_begun_ = false;
  is_paused_ = true;
}

// Logits are not saved: where they were there and nothing had been chosen from them, the last token gives them anew.
void Generation::Work::go_on(std::shared_ptr<SequenceSchedule> schedule, std::shared_ptr<Sequence> sequence,
                             std::unique_ptr<Drafting> drafting) {
  if (!std::exchange(is_paused_, false)) return;
  drafting_ = std::move(drafting);
  schedule_ = std::move(schedule);
  sequence_ = std::move(sequence);
  if (last_is_appended_) conversation_.refresh();
}

std::optional<Generation::Output> Generation::Work::pop(bool waits) {
  std::unique_lock lock(mutex_);
  if (queue_.empty() && is_paused_) return std::nullopt;
  if (queue_.empty()) {
    reader_waits_ = true;
    if (std::exchange(is_held_, false)) schedule_->wake();
    if (!waits) return std::nullopt;
    changed_.wait(lock, [&] { return !queue_.empty(); });
  }
  reader_waits_ = false;
  Output output = std::move(queue_.front());
  queue_.pop_front();
  if (!output.text.empty()) --pieces_;
  if (output.failure) is_begun_ = was_begun_ = false;
  if (output.reason != FinishReason::running) is_over_ = true;
  if (!is_paused_ && pieces_ < ahead_ && std::exchange(is_held_, false)) schedule_->wake();
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
  return !queue_.empty() && queue_.front().tokens.empty() && !queue_.front().failure;
}

std::string Generation::Work::end(const std::vector<engine::Token>& read) {
  if (!schedule_) return {};
  schedule_->detach(*sequence_, *this);  // from here on the loop uses nothing of this
  if (const auto drafting = std::exchange(drafting_, nullptr)) drafting->end();
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
  if (unchecked_ > 0 && !sequence.all_logits) take_back_unchecked();  // it made way: it goes on with what is sure
  if (sequence.waiting() > 0) return;
  if (last_is_appended_) return choose(sequence);  // the logits were there before it began
  if (is_drafting_) {
    auto proposed = drafting_->take();
    if (!proposed) return;
    is_drafting_ = false;
    return append_proposed(std::move(*proposed));
  }
  if (!may_go_on()) return;
  since_last_ = Stopwatch();
  go_on();
}

void Generation::Work::decoded(Sequence& sequence) {
  if (!prompt_is_done_ && params_.prompt_progress)
    params_.prompt_progress(prompt_size_ - std::min(prompt_size_, sequence.waiting()), prompt_size_);
  if (sequence.waiting() > 0 || !last_is_appended_) return;  // not appended: it made way while its reader was slow
  unchecked_ > 0 ? check(sequence) : choose(sequence);
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
  std::span<const float> logits = schedule_->row(sequence);  // a device is at work until they are there
  if (!prompt_is_done_) {
    note_prompt();
    if (params_.prompt_decoded) params_.prompt_decoded();
    logits = schedule_->row(sequence);  // whoever copied the conversation has moved them
  }
  if (params_.predict == 0) return finish(sequence, FinishReason::length, {});
  Output output;
  const FinishReason reason = choose_from(logits, output);
  tell(sequence, reason, std::move(output));
}

// The next token and its text, added to what is told. Not running: the generation ends with it, or before it.
FinishReason Generation::Work::choose_from(std::span<const float> logits, Output& output) {
  const engine::Token token = sampler_->sample(logits);
  if (!params_.ignore_end_of_generation && conversation_.instance().model()->vocab().is_end_of_generation(token)) {
    end_token_ = token;
    return FinishReason::end_of_generation;
  }
  if (params_.on_token && params_.on_token_reads_logits) params_.on_token(token, logits);
  if (params_.on_logits) params_.on_logits(token, logits);
  last_ = token;
  last_is_appended_ = false;
  ++chosen_;
  conversation_.instance().count_generated();
  output.tokens.push_back(token);
  output.text += text_.push(text_of(token));
  if (text_.stopped()) return FinishReason::stop_string;
  return is_at_limit() ? FinishReason::length : FinishReason::running;
}

void Generation::Work::tell(Sequence& sequence, FinishReason reason, Output output) {
  generate_ms_ += since_last_.elapsed_ms();
  since_last_ = Stopwatch();
  if (reason == FinishReason::stop_string) return finish(sequence, reason, std::move(output));
  if (!output.tokens.empty()) push(std::move(output));
  if (reason == FinishReason::end_of_generation && params_.keep_end_token && conversation_.room() > 0) {
    conversation_.prompt(end_token_);
    ++appended_;
  }
  if (reason != FinishReason::running) return finish(sequence, reason, {});
  if (may_go_on())
    go_on();
  else
    schedule_->forget_logits(sequence);  // they have been chosen from
}

void Generation::Work::go_on() {
  const std::size_t most = most_proposals();
  if (most == 0) return append(false);
  std::vector<engine::Token> history = sequence_->tokens;
  history.push_back(last_);
  is_drafting_ = true;
  drafting_->ask(std::move(history), most);
}

std::string Generation::Work::text_of(engine::Token token) const {
  const engine::Vocab vocab = conversation_.instance().model()->vocab();
  if (vocab.present()) return vocab.piece(token, params_.show_special);
  return chosen_ > 1 ? fmt::format(" {}", token) : std::to_string(token);
}

// Behind what is sure.
std::size_t Generation::Work::room() const { return conversation_.room() + unchecked_; }

bool Generation::Work::is_at_limit() {
  if (params_.predict >= 0 && std::cmp_greater_equal(chosen_, params_.predict)) return true;
  const bool full = room() == 0;
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
  take_back_unchecked();
  append(true);
  sequence.continuation = nullptr;
  output.reason = reason;
  if (output.tokens.empty()) output.text = text_.finish();
  push(std::move(output));
}

void Generation::Work::ended(engine::DecodeStatus status, std::exception_ptr failure) noexcept {
  try {
    take_back_unchecked();  // they wait: none of them is in memory
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
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
  output.speculation = counts_;
  bool reader_waits = false;
  {
    const std::lock_guard lock(mutex_);
    if (!output.text.empty()) ++pieces_;
    queue_.push_back(std::move(output));
    reader_waits = reader_waits_;
  }
  if (reader_waits) changed_.notify_one();
  if (params_.on_ready) params_.on_ready();
}

}  // namespace plimsoll::run
