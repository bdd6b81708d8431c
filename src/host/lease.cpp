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

void Lease::State::acquire_sequence(std::optional<ConversationId> like) {
  if (!resident->model->has_conversations()) {
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' was planned for embeddings and has no conversations", resident->name));
  }
  conversation = host->conversations().acquire(*resident, kept, like);
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
  const bool failed = resident->has_failed();
  resident.reset();  // before others may take it away
  host->queue().give_back(number, failed, took);
}

Lease::Lease(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Lease::Lease(Lease&&) noexcept = default;
Lease& Lease::operator=(Lease&&) noexcept = default;
Lease::~Lease() = default;

const std::string& Lease::model() const noexcept { return state_->resident->name; }
run::ServedModel& Lease::served() const noexcept { return *state_->resident->model; }

run::Instance& Lease::instance() const {
  if (run::Instance* const instance = served().instance()) return *instance;
  throw Error(ErrorCode::unsupported, fmt::format("'{}' computes in a process of its own", model()));
}

run::Conversation& Lease::conversation() {
  if (!state_->conversation) state_->acquire_sequence();
  return *state_->conversation;
}

std::optional<run::Draft> Lease::draft() {
  if (!state_->resident->draft) return std::nullopt;
  if (!state_->draft) state_->draft = state_->resident->draft->model->create();
  return run::Draft{.conversation = &*state_->draft, .speculation = state_->resident->speculation};
}

bool Lease::has_draft() const noexcept { return state_->resident->draft.has_value(); }

std::optional<Lease> Lease::another() const {
  std::optional<Queue::Granted> granted = state_->host->queue().another(state_->number);
  if (!granted) return std::nullopt;
  auto state = std::make_unique<State>();
  state->host = state_->host;
  state->number = granted->lease;
  state->resident = std::move(granted->resident);
  return Lease(std::move(state));
}

bool Lease::is_wanted_back() const { return state_->host->queue().wants_slot_back(state_->number); }

bool Lease::has_slot() const noexcept { return state_->host != nullptr; }
void Lease::note_tokens(double tokens) noexcept { state_->took = state_->took.value_or(0) + tokens; }

void Lease::give_way(AcquireOptions how, const WaitSteps& steps) {
  const std::optional<ConversationId> conversation = state_->kept;
  if (!conversation && state_->resident->model->has_conversations())
    throw Error(ErrorCode::usage, "this lease has no conversation that lasts");
  state_->release_sequence();
  state_->draft.reset();
  const std::weak_ptr<Resident> before = state_->resident;
  const std::string name = model();
  state_->resident.reset();
  Host::Impl* const host = std::exchange(state_->host, nullptr);
  Queue::Request request(host->queue(), state_->number, std::move(how));
  while (steps.tell && !request.is_answered_by(std::chrono::steady_clock::now() + steps.step)) steps.tell();
  Queue::Granted granted = request.wait();
  state_->number = granted.lease;
  state_->resident = std::move(granted.resident);
  state_->host = host;
  if (before.lock() != state_->resident)
    throw Error(ErrorCode::engine_failed, fmt::format("'{}' was loaded anew while its request waited", name));
  if (conversation) resume(*conversation);
}

void Lease::resume(ConversationId conversation, std::optional<ConversationId> like) {
  if (state_->kept == conversation) return;
  state_->release_sequence();
  state_->host->conversations().claim(conversation, model());
  state_->kept = conversation;
  try {
    state_->acquire_sequence(like);
  } catch (...) {
    state_->release_sequence();
    throw;
  }
}

}  // namespace plimsoll::host
