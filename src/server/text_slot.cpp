#include "text_slot.hpp"

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

namespace plimsoll::server {

namespace {

// On the heap, for as long as a sequence is computed: its tokens with their places, and rows of logits.
Bytes heap_of(const plan::ModelPlan& plan, std::size_t rows) {
  const auto n_vocab = static_cast<std::size_t>(plan.dry_run.model.n_vocab);
  const std::size_t tokens = plan.dry_run.context.n_ctx_seq;
  return Bytes{rows * n_vocab * sizeof(float) + tokens * (sizeof(engine::Token) + sizeof(engine::Position))};
}

}  // namespace

TextSlot::TextSlot(const ServerContext& server, std::string owner, host::Lease lease, SlotRules rules)
    : server_(server), owner_(std::move(owner)), lease_(std::move(lease)), rules_(std::move(rules)) {
  memory_ = server_.memory.take(0);
  const dry_run::DryRun& planned = lease_.served().plan().dry_run;
  const std::size_t checked = lease_.has_draft() ? planned.outputs / std::max(1U, planned.context.n_seq_max) : 1;
  memory_->grow(heap_of(lease_.served().plan(), checked) * (lease_.has_draft() ? 2U : 1U));
}

// Tokens that still wait to be decoded (the last one; most of a prompt whose client has gone) are taken back: the next
// request would decode them for nobody.
TextSlot::~TextSlot() {
  if (!keeps_ || !kept_ || !lease_.has_slot()) return;
  try {
    run::Conversation& conversation = lease_.conversation();
    const std::size_t waiting = conversation.waiting();
    if (rules_.media && waiting > 1) return;  // a picture that is half there, or its vectors
    conversation.rewind(waiting);
    kept_->keep(with_vectors_named(conversation.tokens(), known_), prompt_);
  } catch (const std::exception& error) {
    log::warn("server", "what a request to '{}' left could not be kept: {}", lease_.model(), error.what());
  }
}

run::Conversation& TextSlot::conversation() {
  is_used_ = true;
  return lease_.conversation();
}

std::vector<engine::Token> TextSlot::tokens() {
  return is_used_ ? with_vectors_named(lease_.conversation().tokens(), known_) : std::vector<engine::Token>{};
}

std::size_t TextSlot::begin_with(const std::vector<engine::Token>& prompt) {
  if (!kept_) {
    const auto take = [this](const std::vector<engine::Token>& like) {
      return server_.prompts.take(lease_.model(), owner_, like,
                                  {.scales = rules_.scales, .number = rules_.number, .is_chat = rules_.is_chat});
    };
    kept_ = take(prompt);
    try {
      lease_.resume(kept_->id(), kept_->like());
      known_ = kept_->like() ? kept_->like_tokens() : kept_->tokens();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::over_budget) {  // no room now for what lies on disk of it, and stays there
        kept_->keep(kept_->tokens(), kept_->prompt());
        kept_ = take({});
      } else if (error.code() != ErrorCode::unsupported) {
        throw;
      }
      lease_.resume(kept_->id());  // its memory could not be kept, which is said once: it begins anew
    }
  }
  return go_back_to(prompt);
}

void TextSlot::begin_anew(const std::vector<engine::Token>& prompt) {
  conversation().clear();
  (void)go_back_to(prompt);
}

// A conversation that is new has none of its own yet; nor has one that was kept while the adapters were others.
void TextSlot::came_back() { conversation().set_weight(rules_.weight); }

std::size_t TextSlot::go_back_to(const std::vector<engine::Token>& prompt) {
  run::Conversation& conversation = this->conversation();
  if (conversation.adapter_scales() != rules_.scales) {
    conversation.clear();
    conversation.set_adapter_scales(rules_.scales);
  }
  conversation.set_weight(rules_.weight);
  prompt_ = prompt.size();
  if (!rules_.media) return conversation.replace(prompt);
  const std::size_t same = common_beginning(tokens(), prompt);
  const std::size_t in_memory = conversation.replace(rules_.media->chunks, same);
  known_ = prompt;
  return in_memory;
}

}  // namespace plimsoll::server
