#include "run/generation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

#include "drafting.hpp"
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

// Whether their tokens are the same is looked at where the two models are opened: that takes the whole vocabulary.
void require_usable(const Instance& target, const Draft& draft) {
  const Instance& proposer = draft.conversation->instance();
  require_memory_for_drafts(*target.model(), target.name());
  if (target.model()->facts().n_vocab != proposer.model()->facts().n_vocab)
    throw Error(ErrorCode::usage,
                fmt::format("'{}' and '{}' have not the same vocabulary", target.name(), proposer.name()));
  if (target.plan().dry_run.outputs < 2) {
    throw Error(ErrorCode::usage, fmt::format("'{}' was planned for one row of logits; checking proposals needs more: "
                                              "plan it with n_outputs_max 9",
                                              target.name()));
  }
}

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

std::unique_ptr<Drafting> Generation::drafting_with(const std::optional<Draft>& draft, std::stop_token stop) {
  if (!draft) return nullptr;
  require_usable(conversation_->instance(), *draft);
  const Conversation& proposes = *draft->conversation;
  return std::make_unique<Drafting>(*draft, proposes.schedule_, proposes.sequence_, *conversation_->schedule_,
                                    std::move(stop));
}

void Generation::begin(GenerationParams params) {
  Conversation& conversation = *conversation_;
  std::unique_ptr<Drafting> drafting = drafting_with(params.draft, params.stop);
  work_ = std::make_unique<Work>(conversation, conversation.schedule_, conversation.sequence_, std::move(params),
                                 std::move(drafting));
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

// Where somebody's callback throws, what it has heard is read, and the rest comes again.
void Generation::take(Output& output) {
  const GenerationParams& params = work_->params();
  while (!output.tokens.empty()) {
    if (params.on_token && !params.on_token_reads_logits) params.on_token(output.tokens.front(), {});
    tokens_.push_back(output.tokens.front());
    output.tokens.erase(output.tokens.begin());
  }
  reason_ = output.reason;
  if (reason_ == FinishReason::stop_string) stop_string_ = work_->stop_string();
  timing_.prompt_ms = output.prompt_ms;
  timing_.generate_ms = output.generate_ms;
  timing_.generated_tokens = static_cast<std::int32_t>(tokens_.size());
  timing_.speculation = output.speculation;
}

std::optional<std::string> Generation::next() { return read(true); }

std::optional<std::string> Generation::poll() { return read(false); }

std::optional<std::string> Generation::read(bool waits) {
  if (reason_ == FinishReason::running && conversation_->instance().loop()->is_this_thread())
    throw Error(ErrorCode::usage,
                "on_token and prompt_progress are called while tokens are decoded: nothing can be "
                "generated inside them");
  while (reason_ == FinishReason::running) {
    if (work_->stop().stop_requested() && !work_->next_is_the_end()) return cancel();
    if (waits && work_->is_paused()) throw Error(ErrorCode::usage, "this generation is paused");
    work_->begin();
    std::optional<Output> output = work_->pop(waits);
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

void Generation::go_on(const std::optional<Draft>& draft) {
  if (!work_->is_paused()) return;
  work_->go_on(conversation_->schedule_, conversation_->sequence_, drafting_with(draft, work_->stop()));
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
