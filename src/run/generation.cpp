#include "run/generation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

#include "run/decode_failure.hpp"
#include "sequence_schedule.hpp"

namespace plimsoll::run {

std::string_view to_string(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::running:
      return "running";
    case FinishReason::end_of_generation:
      return "end_of_generation";
    case FinishReason::stop_string:
      return "stop_string";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
  }
  return "running";
}

Generation::Generation(Conversation& conversation, GenerationParams params)
    : conversation_(&conversation), params_(std::move(params)), text_(params_.stop_strings, params_.keep_stop_string) {
  begin();
}

Generation::Generation(Conversation&& conversation, GenerationParams params)
    : own_(std::move(conversation)),
      conversation_(&*own_),
      params_(std::move(params)),
      text_(params_.stop_strings, params_.keep_stop_string) {
  begin();
}

Generation::Generation(Instance& instance, GenerationParams params)
    : Generation(BatchedExecutor(instance).create(), std::move(params)) {}

void Generation::begin() {
  Conversation& conversation = *conversation_;
  sampler_ = params_.sampler ? params_.sampler
                             : std::make_shared<engine::Sampler>(*conversation.instance().model(), params_.sampling);
  if (params_.prompt.empty()) {
    if (conversation.size() == 0)
      throw Error(ErrorCode::usage, "the prompt is empty, and the model has no token to begin with");
    if (!conversation.requires_inference() && !conversation.has_logits()) conversation.refresh();
  } else {
    // One place must stay free: a prompt that fills the context leaves nothing to say.
    const bool encodes = conversation.instance().model()->facts().has_encoder;
    const std::size_t needed = params_.prompt.size() + (params_.predict == 0 ? 0 : 1);
    if (!encodes && needed > conversation.capacity()) {
      throw Error(
          ErrorCode::context_overflow,
          fmt::format("the prompt is {} tokens long, and the context of '{}' holds {} (one of them must stay free)",
                      params_.prompt.size(), conversation.instance().name(), conversation.capacity()),
          {{"needed", needed}, {"available", conversation.capacity()}});
    }
    require_tokens(conversation.instance().model()->facts(), params_.prompt);  // before anything is forgotten for them
    if (!encodes) make_room(conversation, params_.overflow, needed);
    conversation.prompt(params_.prompt);
  }
  timing_.prompt_tokens = static_cast<std::int32_t>(conversation.waiting());
}

Generation::~Generation() {
  try {
    append_last();
  } catch (const std::exception& error) {
    log::debug("run", "the last token was not kept: {}", error.what());
  } catch (...) {  // a caller's own, of no kind that is known: a destructor lets nothing out
  }
}

// False: cancelled. The engine's refusals are failures here, since everything was planned.
bool Generation::check(engine::DecodeStatus status) {
  if (status == engine::DecodeStatus::aborted) {
    reason_ = FinishReason::cancelled;
    return false;
  }
  require_decoded(status, fmt::format("decoding on '{}'", conversation_->instance().name()), conversation_->instance());
  return true;
}

void Generation::decode_waiting() {
  const std::size_t all = conversation_->waiting();
  std::function<void(std::size_t)> progress;
  if (!prompt_done_ && params_.prompt_progress)
    progress = [this, all](std::size_t waiting) { params_.prompt_progress(all - waiting, all); };
  (void)check(conversation_->infer(params_.stop, progress));
}

// The token chosen last becomes part of the conversation, once there is room for it.
void Generation::append_last() {
  if (last_is_appended_) return;
  last_is_appended_ = true;
  const bool full = conversation_->room() == 0;
  if (full && reason_ != FinishReason::running) return;  // nobody asks what comes after it
  make_room(*conversation_, params_.overflow);
  conversation_->prompt(tokens_.back());
}

std::optional<engine::Token> Generation::next_token() {
  if (params_.stop.stop_requested()) reason_ = FinishReason::cancelled;
  if (reason_ != FinishReason::running) return std::nullopt;
  append_last();
  const Stopwatch watch;
  decode_waiting();
  if (!prompt_done_) {
    for (const engine::Token token : conversation_->tokens()) {
      if (token >= 0 && reason_ == FinishReason::running && !params_.sampler) sampler_->accept(token);
    }
    if (conversation_->has_logits()) (void)conversation_->logits();  // a device is at work until they are there
    timing_.prompt_ms = watch.elapsed_ms();
    prompt_done_ = true;
  }
  if (reason_ != FinishReason::running) return std::nullopt;
  if (params_.predict == 0) {
    reason_ = FinishReason::length;
    return std::nullopt;
  }
  const engine::Token token = conversation_->sample(*sampler_);
  if (!params_.ignore_end_of_generation && conversation_->instance().model()->vocab().is_end_of_generation(token)) {
    reason_ = FinishReason::end_of_generation;
    const bool room = conversation_->room() > 0;
    if (params_.keep_end_token && room) conversation_->prompt(token);
    return std::nullopt;
  }
  if (params_.on_token)
    params_.on_token(token, params_.on_token_reads_logits ? conversation_->logits() : std::span<const float>{});
  tokens_.push_back(token);
  last_is_appended_ = false;
  return token;
}

std::string Generation::text_of(engine::Token token) const {
  const engine::Vocab vocab = conversation_->instance().model()->vocab();
  if (vocab.present()) return vocab.piece(token, params_.show_special);
  return tokens_.size() > 1 ? fmt::format(" {}", token) : std::to_string(token);
}

bool Generation::at_limit() {
  if (!prompt_done_) return false;
  if (params_.predict >= 0 && std::cmp_greater_equal(tokens_.size(), params_.predict)) return true;
  const bool full = conversation_->room() == 0;
  const ContextOverflow strategy = params_.overflow.strategy;
  return full && (strategy == ContextOverflow::stop || (strategy == ContextOverflow::fail && params_.predict < 0));
}

std::optional<std::string> Generation::next() {
  const Stopwatch watch;
  const double prompt_before = timing_.prompt_ms;
  std::optional<std::string> shown;
  while (!shown && reason_ == FinishReason::running) {
    if (at_limit()) {
      reason_ = FinishReason::length;
      break;
    }
    const auto token = next_token();
    if (!token) break;
    std::string text = text_.push(text_of(*token));
    if (text_.stopped()) reason_ = FinishReason::stop_string;
    if (!text.empty()) shown = std::move(text);
  }
  if (reason_ != FinishReason::running) append_last();
  if (!shown && reason_ != FinishReason::running) {
    std::string rest = text_.finish();
    if (!rest.empty()) shown = std::move(rest);
  }
  timing_.generated_tokens = static_cast<std::int32_t>(tokens_.size());
  timing_.generate_ms += watch.elapsed_ms() - (timing_.prompt_ms - prompt_before);
  return shown;
}

std::generator<std::string> pieces(Generation& generation) {
  while (auto piece = generation.next()) co_yield std::move(*piece);
}

std::string stream(Generation& generation, const std::function<bool(std::string_view)>& show) {
  std::string all;
  for (const std::string& piece : pieces(generation)) {
    all += piece;
    if (show && !show(piece)) break;
  }
  return all;
}

}  // namespace plimsoll::run
