#include "text_slot.hpp"

#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

namespace plimsoll::server {

TextSlot::TextSlot(const ServerContext& server, std::string owner, host::Lease lease)
    : server_(server), owner_(std::move(owner)), lease_(std::move(lease)) {}

// Tokens that still wait to be decoded (the last one; most of a prompt whose client has gone) are taken back: the next
// request would decode them for nobody.
TextSlot::~TextSlot() {
  if (!keeps_ || !kept_ || !lease_.has_slot()) return;
  try {
    run::Conversation& conversation = lease_.conversation();
    conversation.rewind(conversation.waiting());
    kept_->keep(conversation.tokens());
  } catch (const std::exception& error) {
    log::warn("server", "after a request to '{}': {}", lease_.model(), error.what());
  }
}

run::Conversation& TextSlot::conversation() {
  is_used_ = true;
  return lease_.conversation();
}

std::vector<engine::Token> TextSlot::tokens() {
  return is_used_ ? lease_.conversation().tokens() : std::vector<engine::Token>{};
}

std::size_t TextSlot::begin_with(const std::vector<engine::Token>& prompt) {
  if (!kept_) {
    kept_ = server_.prompts.take(lease_.model(), owner_, prompt);
    try {
      lease_.resume(kept_->id());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
      lease_.resume(kept_->id());  // its memory could not be kept, which is said once: it begins anew
    }
  }
  return go_back_to(prompt);
}

std::size_t TextSlot::go_back_to(const std::vector<engine::Token>& prompt) { return conversation().replace(prompt); }

}  // namespace plimsoll::server
