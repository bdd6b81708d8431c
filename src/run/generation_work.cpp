#include "run/generation_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sequence_schedule.hpp"

namespace plimsoll::run {

bool can_forget_its_tail(const engine::ModelFacts& model) {
  return !model.is_recurrent && !model.is_hybrid && model.n_swa <= 0;
}

GenerationWork::GenerationWork(GenerationParams params)
    : params_(std::move(params)), text_(params_.stop_strings, params_.keep_stop_string) {}

void GenerationWork::take_up(const Conversation& conversation, std::span<const engine::Token> answer) {
  require_tokens(conversation.model_facts(), answer);
  for (std::size_t place = 0; place < answer.size(); ++place)
    (void)text_.push(text_of(conversation, answer[place], place));
  if (text_.stopped())
    ends_at_once_ = FinishReason::stop_string;
  else if (params_.predict >= 0 && std::cmp_greater_equal(answer.size(), params_.predict))
    ends_at_once_ = FinishReason::length;
}

bool GenerationWork::ends_where_full() const noexcept {
  const ContextOverflow strategy = params_.overflow.strategy;
  return strategy == ContextOverflow::stop || (strategy == ContextOverflow::fail && params_.predict < 0);
}

// `place`: of the answer.
std::string GenerationWork::text_of(const Conversation& conversation, engine::Token token, std::size_t place) const {
  const engine::Vocab vocab = conversation.vocab();
  if (vocab.present()) return vocab.piece(token, params_.show_special);
  return place > 0 ? fmt::format(" {}", token) : std::to_string(token);
}

void GenerationWork::read_ahead(std::size_t pieces, bool reads_all) {
  const std::lock_guard lock(mutex_);
  if (reads_all || ahead_ > 0) ahead_ = std::max(ahead_, pieces);
}

void GenerationWork::begin() {
  if (is_begun_ || is_paused_) return;
  if (ends_at_once_)
    push({.text = text_.finish(), .reason = *ends_at_once_});
  else
    start();
  is_begun_ = true;
}

void GenerationWork::pause() {
  if (!stop_for_now()) return;
  is_begun_ = false;
  is_paused_ = true;
}

void GenerationWork::go_on(HeldSequence& sequence, const std::optional<Draft>& draft) {
  if (!std::exchange(is_paused_, false)) return;
  params_.draft = draft;
  start_again(sequence);
}

std::optional<GenerationOutput> GenerationWork::pop(bool waits) {
  std::unique_lock lock(mutex_);
  if (queue_.empty() && is_paused_) return std::nullopt;
  if (queue_.empty()) {
    reader_waits_ = true;
    if (std::exchange(is_held_, false)) reader_has_come();
    if (!waits) return std::nullopt;
    changed_.wait(lock, [&] { return !queue_.empty(); });
  }
  reader_waits_ = false;
  GenerationOutput output = std::move(queue_.front());
  queue_.pop_front();
  if (!output.text.empty()) {
    --pieces_;
    has_read();
  }
  if (output.failure) is_begun_ = was_begun_ = false;
  if (output.reason != FinishReason::running) is_over_ = true;
  if (!is_paused_ && pieces_ < ahead_ && std::exchange(is_held_, false)) reader_has_come();
  return output;
}

void GenerationWork::put_back(GenerationOutput output) {
  const std::lock_guard lock(mutex_);
  if (!output.text.empty()) ++pieces_;
  is_over_ = false;
  queue_.push_front(std::move(output));
}

bool GenerationWork::next_is_the_end() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return false;
  const GenerationOutput& next = queue_.front();
  return next.tokens.empty() && next.prompt_opinions.empty() && !next.failure;
}

void GenerationWork::push(GenerationOutput output) noexcept {
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
