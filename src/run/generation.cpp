#include "run/generation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

#include "generation_work.hpp"

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

namespace {

// Pieces that may be made before a reader of a whole stream comes for them.
constexpr std::size_t kStreamAhead = 64;

}  // namespace

Generation::Generation(Conversation& conversation, GenerationParams params) : conversation_(&conversation) {
  begin(std::move(params));
}

Generation::Generation(Conversation&& conversation, GenerationParams params)
    : own_(std::move(conversation)), conversation_(&*own_) {
  begin(std::move(params));
}

Generation::Generation(Instance& instance, GenerationParams params)
    : Generation(BatchedExecutor(instance).create(), std::move(params)) {}

void Generation::begin(GenerationParams params) {
  Conversation& conversation = *conversation_;
  work_ = std::make_unique<Work>(conversation, conversation.schedule_, conversation.sequence_, std::move(params));
  const std::vector<engine::Token>& prompt = work_->params().prompt;
  if (prompt.empty()) {
    if (conversation.size() == 0)
      throw Error(ErrorCode::usage, "the prompt is empty, and the model has no token to begin with");
    if (!conversation.requires_inference() && !conversation.has_logits()) conversation.refresh();
  } else {
    // One place must stay free: a prompt that fills the context leaves nothing to say.
    const bool encodes = conversation.instance().model()->facts().has_encoder;
    const std::size_t needed = prompt.size() + (work_->params().predict == 0 ? 0 : 1);
    if (!encodes && needed > conversation.capacity()) {
      throw Error(
          ErrorCode::context_overflow,
          fmt::format("the prompt is {} tokens long, and the context of '{}' holds {} (one of them must stay free)",
                      prompt.size(), conversation.instance().name(), conversation.capacity()),
          {{"needed", needed}, {"available", conversation.capacity()}});
    }
    require_tokens(conversation.instance().model()->facts(), prompt);  // before anything is forgotten for them
    if (!encodes) make_room(conversation, work_->params().overflow, needed);
    conversation.prompt(prompt);
  }
  timing_.prompt_tokens = static_cast<std::int32_t>(conversation.waiting());
}

Generation::~Generation() {
  try {
    (void)work_->end(tokens_);
  } catch (const std::exception& error) {
    log::debug("run", "the last token was not kept: {}", error.what());
  } catch (...) {  // a caller's own, of no kind that is known: a destructor lets nothing out
  }
}

std::optional<std::string> Generation::cancel() {
  reason_ = FinishReason::cancelled;
  std::string rest = work_->end(tokens_);
  return rest.empty() ? std::nullopt : std::optional(std::move(rest));
}

void Generation::take(Output& output) {
  const GenerationParams& params = work_->params();
  if (output.token != LLAMA_TOKEN_NULL) {
    if (params.on_token && !params.on_token_reads_logits) params.on_token(output.token, {});
    tokens_.push_back(output.token);
  }
  reason_ = output.reason;
  if (reason_ == FinishReason::stop_string) stop_string_ = work_->stop_string();
  timing_.prompt_ms = output.prompt_ms;
  timing_.generate_ms = output.generate_ms;
  timing_.generated_tokens = static_cast<std::int32_t>(tokens_.size());
}

std::optional<std::string> Generation::next() {
  if (reason_ == FinishReason::running && conversation_->instance().loop()->is_this_thread())
    throw Error(ErrorCode::usage, "on_token is called while tokens are decoded: nothing can be generated inside it");
  work_->expect_a_piece();
  while (reason_ == FinishReason::running) {
    if (work_->stop().stop_requested() && !work_->next_is_the_end()) return cancel();
    if (!work_->pause_if_asked()) work_->begin();
    std::optional<Output> output = work_->pop();
    if (!output) {
      if (is_paused()) return std::nullopt;
      continue;
    }
    if (output->failure) std::rethrow_exception(output->failure);
    try {
      take(*output);
    } catch (...) {
      work_->put_back(std::move(*output));
      throw;
    }
    if (reason_ != FinishReason::running) (void)work_->end(tokens_);
    if (!output->text.empty()) return std::move(output->text);
  }
  return std::nullopt;
}

bool Generation::is_paused() const noexcept {
  return reason_ == FinishReason::running && work_->is_paused() && work_->is_read();
}

void Generation::go_on(std::stop_token pause) {
  work_->go_on(conversation_->schedule_, conversation_->sequence_, std::move(pause));
}

std::generator<std::string> pieces(Generation& generation) {
  generation.work_->read_ahead(kStreamAhead, false);
  while (auto piece = generation.next()) co_yield std::move(*piece);
}

std::string stream(Generation& generation, const std::function<bool(std::string_view)>& show) {
  generation.work_->read_ahead(kStreamAhead, !show);
  std::string all;
  while (auto piece = generation.next()) {
    all += *piece;
    if (show && !show(*piece)) break;
  }
  return all;
}

}  // namespace plimsoll::run
