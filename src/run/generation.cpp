#include "run/generation.hpp"

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "run/generation_work.hpp"
#include "run/held_sequence.hpp"

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
  averages_ = params.answer_so_far.averages;
  work_ = conversation_->sequence().work(*conversation_, std::move(params));
  take_up_answer();
  lay_out_prompt();
  timing_.prompt_tokens = static_cast<std::int32_t>(conversation_->waiting());
}

// Before anything is appended: what is no answer leaves the conversation as it was.
void Generation::take_up_answer() {
  const std::size_t count = work_->params().answer_so_far.tokens;
  if (count == 0) return;
  const std::vector<engine::Token>& prompt = work_->params().prompt;
  const std::vector<engine::Token> all = prompt.empty() ? conversation_->tokens() : prompt;
  if (count > all.size())
    throw Error(ErrorCode::usage, fmt::format("an answer of {} tokens cannot be the end of {}", count, all.size()));
  work_->take_up(*conversation_, std::span(all).last(count));
}

void Generation::lay_out_prompt() {
  Conversation& conversation = *conversation_;
  std::span<const engine::Token> prompt = work_->params().prompt;
  if (prompt.empty()) {
    if (conversation.size() == 0)
      throw Error(ErrorCode::usage, "the prompt is empty, and the model has no token to begin with");
    if (!conversation.requires_inference() && !conversation.has_logits()) conversation.refresh();
    return;
  }
  // One place must stay free: a prompt that fills the context leaves nothing to say. Of an answer the last token needs
  // none.
  const bool encodes = conversation.model_facts().has_encoder;
  const bool has_answer = work_->params().answer_so_far.tokens > 0;
  if (has_answer && work_->ends_where_full() && prompt.size() == conversation.room() + 1) {
    work_->end_for_want_of_room();
    prompt = prompt.first(prompt.size() - 1);
  }
  const bool says_nothing = work_->params().predict == 0 || has_answer;
  const std::size_t needed = prompt.size() + (says_nothing ? 0 : 1);
  if (!encodes && needed > conversation.capacity()) {
    throw Error(
        ErrorCode::context_overflow,
        fmt::format("the prompt is {} tokens long, and the context of '{}' holds {} (one of them must stay free)",
                    prompt.size(), conversation.model_name(), conversation.capacity()),
        {{"needed", needed}, {"available", conversation.capacity()}});
  }
  require_tokens(conversation.model_facts(), prompt);  // before anything is forgotten for them
  if (!encodes) make_room(conversation, work_->params().overflow, needed);
  conversation.prompt(prompt);
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

// Where somebody's callback throws, what it has heard is read, and the rest comes again.
void Generation::take(GenerationOutput& output) {
  const GenerationParams& params = work_->params();
  while (!output.prompt_opinions.empty()) {
    if (params.on_prompt_read) params.on_prompt_read(output.prompt_opinions.front());
    output.prompt_opinions.erase(output.prompt_opinions.begin());
  }
  while (!output.tokens.empty()) {
    const engine::Token token = output.tokens.front();
    if (params.on_read)
      params.on_read({.token = token, .opinion = output.opinions.empty() ? nullptr : &output.opinions.front()});
    tokens_.push_back(token);
    output.tokens.erase(output.tokens.begin());
    if (!output.opinions.empty()) output.opinions.erase(output.opinions.begin());
    if (output.tokens.empty()) averages_ = std::move(output.averages);
  }
  reason_ = output.reason;
  if (reason_ == FinishReason::stop_string) stop_string_ = work_->stop_string();
  timing_.prompt_ms = output.prompt_ms;
  timing_.generate_ms = output.generate_ms;
  timing_.generated_tokens = static_cast<std::int32_t>(tokens_.size());
  timing_.speculation = output.speculation;
}

std::uint32_t Generation::seed() const { return work_->seed(); }

std::optional<std::string> Generation::next() { return read(true); }

std::optional<std::string> Generation::poll() { return read(false); }

std::optional<std::string> Generation::read(bool waits) {
  if (reason_ == FinishReason::running && conversation_->sequence().is_decoding_here())
    throw Error(ErrorCode::usage,
                "on_token and prompt_progress are called while tokens are decoded: nothing can be "
                "generated inside them");
  while (reason_ == FinishReason::running) {
    if (work_->params().stop.stop_requested() && !work_->next_is_the_end()) return cancel();
    if (waits && work_->is_paused()) throw Error(ErrorCode::usage, "this generation is paused");
    work_->begin();
    std::optional<GenerationOutput> output = work_->pop(waits);
    if (!output) return std::string();
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

void Generation::pause() { work_->pause(); }

void Generation::go_on(const std::optional<Draft>& draft) { work_->go_on(conversation_->sequence(), draft); }

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
