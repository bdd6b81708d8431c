#include "host/lease.hpp"

#include <fmt/format.h>

#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

#include "lease_state.hpp"

namespace plimsoll::host {

void Lease::State::release_sequence() {
  const std::optional<ConversationId> id = std::exchange(kept, std::nullopt);
  try {
    if (conversation && id) host->conversations().keep(*id, std::move(*conversation));
  } catch (...) {
    host->conversations().unclaim(*id);
    throw;
  }
  conversation.reset();
  if (id) host->conversations().unclaim(*id);
}

void Lease::State::acquire_sequence() {
  if (!resident->executor) {
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' was planned for embeddings and has no conversations", resident->name));
  }
  conversation = host->conversations().acquire(*resident, kept);
}

Lease::State::~State() {
  if (host == nullptr) return;
  try {
    release_sequence();
  } catch (const std::exception& error) {
    log::error("host", "a conversation of '{}' is lost: {}", resident->name, error.what());
  }
  conversation.reset();
  draft.reset();
  const std::string model = resident->name;
  const bool failed = resident->has_failed();
  resident.reset();  // before others may take it away
  host->queue().give_back(model, failed);
}

Lease::Lease(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Lease::Lease(Lease&&) noexcept = default;
Lease& Lease::operator=(Lease&&) noexcept = default;
Lease::~Lease() = default;

const std::string& Lease::model() const noexcept { return state_->resident->name; }
run::Instance& Lease::instance() const noexcept { return *state_->resident->instance; }

run::Conversation& Lease::conversation() {
  if (!state_->conversation) state_->acquire_sequence();
  return *state_->conversation;
}

std::optional<LeasedDraft> Lease::draft() {
  if (!state_->resident->draft) return std::nullopt;
  if (!state_->draft) state_->draft = state_->resident->draft->executor->create();
  return LeasedDraft{.conversation = *state_->draft, .speculation = state_->resident->speculation};
}

void Lease::resume(ConversationId conversation) {
  if (state_->kept == conversation) return;
  state_->release_sequence();
  state_->host->conversations().claim(conversation, model());
  state_->kept = conversation;
  try {
    state_->acquire_sequence();
  } catch (...) {
    state_->release_sequence();
    throw;
  }
}

}  // namespace plimsoll::host
