#include "drafting.hpp"

#include <utility>

#include "base/log.hpp"
#include "engine/token_probability.hpp"

namespace plimsoll::run {

using engine::Token;

Drafting::Drafting(const Draft& draft, std::shared_ptr<SequenceSchedule> schedule, std::shared_ptr<Sequence> sequence,
                   SequenceSchedule& target, std::stop_token stop)
    : conversation_(*draft.conversation),
      params_(draft.speculation),
      schedule_(std::move(schedule)),
      sequence_(std::move(sequence)),
      target_(target),
      stop_(std::move(stop)),
      sampler_(*draft.conversation->instance().model(), engine::SamplingParams{.temperature = 0}) {}

void Drafting::begin() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_begun_, true)) return;
  }
  try {
    schedule_->attach(*sequence_, *this);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    is_begun_ = false;
    throw;
  }
}

void Drafting::end() noexcept { schedule_->detach(*sequence_, *this); }

bool Drafting::is_over() {
  const std::lock_guard lock(mutex_);
  return !is_begun_;
}

void Drafting::ask(std::vector<Token> history, std::size_t most) {
  {
    const std::lock_guard lock(mutex_);
    if (!is_begun_) {  // it failed meanwhile
      answer_.emplace();
      return;
    }
    answer_.reset();
    question_ = {.history = std::move(history), .most = most};
  }
  schedule_->wake();
}

std::optional<std::vector<Token>> Drafting::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(answer_, std::nullopt);
}

void Drafting::take_question() {
  std::optional<Question> question;
  {
    const std::lock_guard lock(mutex_);
    question = std::exchange(question_, std::nullopt);
  }
  if (!question) return;
  is_at_work_ = true;
  most_ = question->most;
  proposed_.clear();
  conversation_.replace(question->history);
}

// A cache that drafts share may be full: whoever has to make way there proposes nothing, and holds no target up.
void Drafting::before_batch(Sequence& sequence) {
  take_question();
  if (is_at_work_ && sequence.made_way) answer();
}

void Drafting::decoded(Sequence& sequence) {
  if (!is_at_work_ || sequence.waiting() > 0) return;
  const std::span<const float> logits = schedule_->row(sequence);
  const Token token = sampler_.sample(logits);
  if (params_.least_probability > 0 && engine::probability_of(logits, token).probability < params_.least_probability)
    return answer();
  proposed_.push_back(token);
  if (proposed_.size() >= most_) return answer();
  conversation_.prompt(token);
}

void Drafting::answer() {
  is_at_work_ = false;
  {
    const std::lock_guard lock(mutex_);
    answer_ = std::exchange(proposed_, {});
  }
  target_.wake();
}

void Drafting::ended(engine::DecodeStatus status, std::exception_ptr failure) noexcept {
  try {
    if (failure) std::rethrow_exception(failure);
    if (status != engine::DecodeStatus::aborted)
      log::warn("run", "'{}' proposes nothing any more: its batch failed", conversation_.instance().name());
  } catch (const std::exception& error) {
    log::warn("run", "'{}' proposes nothing any more: {}", conversation_.instance().name(), error.what());
  } catch (...) {
    log::warn("run", "'{}' proposes nothing any more", conversation_.instance().name());
  }
  is_at_work_ = false;
  {
    const std::lock_guard lock(mutex_);
    is_begun_ = false;
    question_.reset();
    answer_.emplace();
  }
  target_.wake();
}

}  // namespace plimsoll::run
