#include <plimsoll/host/lease.hpp>

#include <fmt/format.h>

#include <utility>

#include <plimsoll/base/error.hpp>
#include <plimsoll/base/log.hpp>

#include "lease_held.hpp"

namespace plimsoll::host {

void Lease::Held::stand_up() {
  const std::optional<ConversationId> id = std::exchange(kept, std::nullopt);
  try {
    if (conversation && id) resident->keep(*id, std::move(*conversation));
  } catch (...) {
    host->unclaim(*id);
    throw;
  }
  conversation.reset();
  if (id) host->unclaim(*id);
}

void Lease::Held::sit_down() {
  if (!resident->executor) {
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' was planned for embeddings and has no conversations", resident->name));
  }
  conversation = resident->sit_down(kept, host->swap_space);
}

Lease::Held::~Held() {
  if (host == nullptr) return;
  try {
    stand_up();
  } catch (const std::exception& error) {
    log::error("host", "a conversation of '{}' is lost: {}", resident->name, error.what());
  }
  conversation.reset();
  draft.reset();
  const std::string model = resident->name;
  const bool failed = resident->has_failed();
  resident.reset();  // before others may take it away
  host->give_back(model, failed);
}

Lease::Lease(std::unique_ptr<Held> held) noexcept : held_(std::move(held)) {}
Lease::Lease(Lease&&) noexcept = default;
Lease& Lease::operator=(Lease&&) noexcept = default;
Lease::~Lease() = default;

const std::string& Lease::model() const noexcept { return held_->resident->name; }
run::Instance& Lease::instance() const noexcept { return *held_->resident->instance; }

run::Conversation& Lease::conversation() {
  if (!held_->conversation) held_->sit_down();
  return *held_->conversation;
}

std::optional<LeasedDraft> Lease::draft() {
  if (!held_->resident->draft) return std::nullopt;
  if (!held_->draft) held_->draft = held_->resident->draft->executor->create();
  return LeasedDraft{.conversation = *held_->draft,
                     .speculation = held_->host->declared(held_->resident->name).draft->speculation};
}

void Lease::resume(ConversationId conversation) {
  if (held_->kept == conversation) return;
  held_->stand_up();
  held_->host->claim(conversation, model());
  held_->kept = conversation;
  try {
    held_->sit_down();
  } catch (...) {
    held_->stand_up();
    throw;
  }
}

}  // namespace plimsoll::host
