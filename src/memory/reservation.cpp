#include "memory/reservation.hpp"

#include <utility>

#include <plimsoll/base/error.hpp>

#include "ledger_state.hpp"

namespace plimsoll::memory {

Reservation::Reservation(Reservation&&) noexcept = default;

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
    owner_ = std::move(other.owner_);
  }
  return *this;
}

Reservation::~Reservation() { release(); }

void Reservation::resize(const Tag& tag, Bytes bytes, Growth growth) {
  if (state_ == nullptr || tag.owner != owner_) {
    throw Error(ErrorCode::internal, "a reservation can only resize entries of its own owner");
  }
  Ledger::State& accounting = *state_->accounting;
  if (accounting.outer != nullptr && growth == Growth::is_to_be_taken) {
    const device::DeviceId memory = [&] {
      const std::lock_guard lock(accounting.mutex);
      return accounting.memory_of_locked(tag.device);
    }();
    accounting.outer->look({memory}, kForTaking);
  }
  const std::lock_guard lock(accounting.mutex);
  const auto found = state_->entries.find(tag);
  const Bytes before = found == state_->entries.end() ? Bytes{} : found->second;
  if (bytes > before) {
    Ledger::State::Owner after = accounting.owners[{tag.device, owner_}];
    const Bytes committed = after.committed();
    after.reserved += bytes - before;
    const Bytes more = saturating_sub(after.committed(), committed);
    auto refusal = accounting.judge_locked(tag.device, owner_, tag.stage, bytes - before, more);
    if (!refusal) {
      const device::DeviceId& memory = accounting.memory_of_locked(tag.device);
      if (growth == Growth::is_to_be_taken)
        refusal = accounting.ask_others_locked({{memory, more}}, owner_, tag.stage);
      else if (accounting.outer != nullptr)
        accounting.outer->reserve_anyway(memory, more);
    }
    if (refusal) throw Refused(std::move(*refusal), "growing a reservation");
    accounting.plan_locked(tag, bytes - before);
  } else {
    accounting.unplan_locked(tag, before - bytes);
  }
  state_->entries[tag] = bytes;
}

void Reservation::release() noexcept {
  if (state_ == nullptr) return;
  {
    const std::lock_guard lock(state_->accounting->mutex);
    for (const auto& [tag, bytes] : state_->entries) state_->accounting->unplan_locked(tag, bytes);
  }
  state_.reset();
}

}  // namespace plimsoll::memory
