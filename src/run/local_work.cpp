#include "local_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include <plimsoll/base/error.hpp>

#include "run/decode_failure.hpp"

#include "local_sequence.hpp"

namespace plimsoll::run {
LocalWork::LocalWork(Conversation& conversation, std::shared_ptr<SequenceSchedule> schedule,
                     std::shared_ptr<Sequence> sequence, GenerationParams params, std::unique_ptr<Drafting> drafting)
    : GenerationWork(std::move(params)),
      conversation_(conversation),
      schedule_(std::move(schedule)),
      sequence_(std::move(sequence)),
      drafting_(std::move(drafting)) {
  const engine::Model& model = *conversation_.instance().model();
  if (params_.prompt_likeliest && model.facts().has_encoder)
    throw Error(ErrorCode::unsupported, "a model that encodes its prompt has no opinion of it");
  sampler_ = params_.sampler ? params_.sampler : std::make_shared<engine::Sampler>(model, params_.sampling);
  if (!params_.sampler && params_.answer_so_far.tokens > 0) sampler_->set_averages(params_.answer_so_far.averages);
  if (!params_.sampler && !params_.on_token)
    ahead_ = params_.read_ahead.value_or(can_forget_its_tail(model.facts()) ? 1 : 0);
}

void LocalWork::start() {
  since_last_ = Stopwatch();
  hold_prompt_back();
  if (!std::exchange(was_begun_, true)) prompt_size_ = conversation_.waiting() + held_back_.size();
  if (drafting_) drafting_->begin();
  schedule_->attach(*sequence_, *this);
}

bool LocalWork::stop_for_now() {
  if (!schedule_) return false;  // it is over, or paused
  schedule_->detach(*sequence_, *this);
  if (const auto drafting = std::exchange(drafting_, nullptr)) {
    drafting->end();
    is_drafting_ = false;
    take_back_unchecked();
  }
  put_prompt_back();
  schedule_.reset();
  sequence_.reset();
  return true;
}

// Logits are not saved: where they were there and nothing had been chosen from them, the last token gives them anew.
void LocalWork::start_again(HeldSequence& sequence) {
  const LocalSequence& local = *sequence.local();
  drafting_ = local.drafting_with(params_.draft, params_.stop);
  schedule_ = local.schedule();
  sequence_ = local.sequence();
  if (last_is_appended_) conversation_.refresh();
}

std::string LocalWork::end(const std::vector<engine::Token>& read) {
  if (!schedule_) return {};
  schedule_->detach(*sequence_, *this);  // from here on the loop uses nothing of this
  if (const auto drafting = std::exchange(drafting_, nullptr)) drafting->end();
  const auto schedule = std::exchange(schedule_, nullptr);
  const auto sequence = std::exchange(sequence_, nullptr);
  if (std::exchange(is_over_, true)) return {};
  put_prompt_back();
  if (chosen_ == read.size() && appended_ <= chosen_) {
    append(params_.stop.stop_requested());
    return text_.finish();
  }
  conversation_.rewind(appended_ - (read.empty() ? 0 : read.size() - 1));
  if (!read.empty()) conversation_.prompt(read.back());
  return {};
}

void LocalWork::before_batch(Sequence& sequence) {
  if (params_.stop.stop_requested()) return finish(sequence, FinishReason::cancelled, {});
  if (unchecked_ > 0 && !sequence.all_logits) take_back_unchecked();  // it made way: it goes on with what is sure
  if (asked_ > 0 && !sequence.all_logits) hold_prompt_back();         // likewise
  if (sequence.waiting() > 0) return;
  if (!held_back_.empty()) return append_of_prompt();
  if (last_is_appended_) return choose(sequence);  // the logits were there before it began
  if (is_drafting_) {
    auto proposed = drafting_->take();
    if (!proposed) return;
    is_drafting_ = false;
    return append_proposed(std::move(*proposed));
  }
  if (!may_go_on()) return;
  since_last_ = Stopwatch();
  move_on();
}

void LocalWork::decoded(Sequence& sequence) {
  if (!prompt_is_done_ && params_.prompt_progress)
    params_.prompt_progress(prompt_size_ - std::min(prompt_size_, sequence.waiting() + held_back_.size()),
                            prompt_size_);
  if (sequence.waiting() > 0 || !last_is_appended_) return;  // not appended: it made way while its reader was slow
  if (asked_ > 0) return tell_prompt(sequence);
  if (!held_back_.empty()) return;
  unchecked_ > 0 ? check(sequence) : choose(sequence);
}

void LocalWork::note_prompt() {
  prompt_is_done_ = true;
  if (!params_.sampler) {
    const std::span<const engine::Token> tokens = sequence_->tokens;
    const std::size_t prompt = tokens.size() - std::min(tokens.size(), params_.answer_so_far.tokens);
    for (const engine::Token token : tokens.first(prompt)) {
      if (token >= 0) sampler_->accept(token);
    }
    for (const engine::Token token : tokens.subspan(prompt)) sampler_->accept_choice(token);
  }
  prompt_ms_ = since_last_.elapsed_ms();
  since_last_ = Stopwatch();
}

void LocalWork::choose(Sequence& sequence) {
  std::span<const float> logits = schedule_->row(sequence);  // a device is at work until they are there
  if (!prompt_is_done_) {
    note_prompt();
    if (params_.prompt_decoded) params_.prompt_decoded();
    logits = schedule_->row(sequence);  // whoever copied the conversation has moved them
  }
  if (params_.predict == 0) return finish(sequence, FinishReason::length, {});
  GenerationOutput output;
  const FinishReason reason = choose_from(logits, output);
  tell(sequence, reason, std::move(output));
}

TokenOpinion LocalWork::opinion_of(engine::Token token, std::span<const float> logits, std::size_t likeliest) {
  TokenOpinion opinion{.chosen = engine::probability_of(logits, token)};
  if (likeliest > 0) opinion.likeliest = engine::most_probable(logits, likeliest);
  return opinion;
}

// The samplers left the chosen token, whatever else they left.
TokenOpinion LocalWork::opinion_of_samplers(engine::Token token, std::size_t likeliest) const {
  TokenOpinion opinion{.chosen = {.token = token, .logit = 0, .probability = 1}};
  opinion.likeliest = sampler_->top_candidates(std::numeric_limits<std::size_t>::max());
  std::erase_if(opinion.likeliest, [](const engine::TokenProbability& one) { return one.probability <= 0; });
  const auto found = std::ranges::find(opinion.likeliest, token, &engine::TokenProbability::token);
  if (found != opinion.likeliest.end()) opinion.chosen = *found;
  opinion.likeliest.resize(std::min(opinion.likeliest.size(), likeliest));
  return opinion;
}

// The next token and its text, added to what is told. Not running: the generation ends with it, or before it.
FinishReason LocalWork::choose_from(std::span<const float> logits, GenerationOutput& output) {
  const engine::Token token = sampler_->sample(logits);
  if (!params_.ignore_end_of_generation && conversation_.instance().model()->vocab().is_end_of_generation(token)) {
    end_token_ = token;
    return FinishReason::end_of_generation;
  }
  if (params_.on_token) params_.on_token(token, logits);
  last_ = token;
  last_is_appended_ = false;
  ++chosen_;
  conversation_.instance().count_generated();
  output.tokens.push_back(token);
  if (params_.likeliest && params_.likeliest_after_sampling)
    output.opinions.push_back(opinion_of_samplers(token, *params_.likeliest));
  else if (params_.likeliest)
    output.opinions.push_back(opinion_of(token, logits, *params_.likeliest));
  output.averages = sampler_->averages();
  output.text += text_.push(text_of(conversation_, token, said() - 1));
  if (text_.stopped()) return FinishReason::stop_string;
  return is_at_limit() ? FinishReason::length : FinishReason::running;
}

void LocalWork::tell(Sequence& sequence, FinishReason reason, GenerationOutput output) {
  generate_ms_ += since_last_.elapsed_ms();
  since_last_ = Stopwatch();
  if (reason == FinishReason::stop_string) return finish(sequence, reason, std::move(output));
  if (!output.tokens.empty()) hand_over(std::move(output));
  if (reason == FinishReason::end_of_generation && params_.keep_end_token && conversation_.room() > 0) {
    conversation_.prompt(end_token_);
    ++appended_;
  }
  if (reason != FinishReason::running) return finish(sequence, reason, {});
  if (may_go_on())
    move_on();
  else
    schedule_->forget_logits(sequence);  // they have been chosen from
}

void LocalWork::move_on() {
  const std::size_t most = most_proposals();
  if (most == 0) return append(false);
  std::vector<engine::Token> history = sequence_->tokens;
  history.push_back(last_);
  is_drafting_ = true;
  drafting_->ask(std::move(history), most);
}

// Behind what is sure.
std::size_t LocalWork::room() const { return conversation_.room() + unchecked_; }

bool LocalWork::is_at_limit() {
  if (params_.predict >= 0 && std::cmp_greater_equal(said(), params_.predict)) return true;
  return room() == 0 && ends_where_full();
}

// What makes room in a full context cannot be taken back: that waits until everything is read and more is asked for.
bool LocalWork::may_go_on() {
  const bool full = conversation_.room() == 0;
  const std::lock_guard lock(mutex_);
  const bool may = full ? reader_waits_ && queue_.empty() : pieces_ < ahead_ + (reader_waits_ ? 1 : 0);
  is_held_ = !may;
  return may;
}

// The token chosen last becomes part of the conversation, once there is room for it.
void LocalWork::append(bool for_the_last_time) {
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

void LocalWork::finish(Sequence& sequence, FinishReason reason, GenerationOutput output) {
  take_back_unchecked();
  put_prompt_back();
  append(true);
  sequence.continuation = nullptr;
  output.reason = reason;
  if (output.tokens.empty()) output.text = text_.finish();
  hand_over(std::move(output));
}

void LocalWork::ended(engine::DecodeStatus status, std::exception_ptr failure) noexcept {
  try {
    take_back_unchecked();  // they wait: none of them is in memory
    put_prompt_back();
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  if (!failure && status == engine::DecodeStatus::aborted)
    return hand_over({.text = text_.finish(), .reason = FinishReason::cancelled});
  if (!failure && status == engine::DecodeStatus::no_kv_slot && prompt_is_done_)
    return hand_over({.text = text_.finish(), .reason = FinishReason::length});
  if (!failure) {
    const Instance& instance = conversation_.instance();
    try {
      require_decoded(status, fmt::format("decoding on '{}'", instance.name()), instance);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  hand_over({.failure = std::move(failure)});
}

void LocalWork::hand_over(GenerationOutput output) noexcept {
  output.prompt_ms = prompt_ms_;
  output.generate_ms = generate_ms_;
  output.speculation = counts_;
  push(std::move(output));
}

}  // namespace plimsoll::run
