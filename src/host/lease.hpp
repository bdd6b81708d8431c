// Lease: the right to use a ready model now. While one lives, its model is not evicted.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "host/dispatcher.hpp"
#include "host/wait_steps.hpp"
#include "run/generation.hpp"
#include "run/instance.hpp"
#include "run/served_model.hpp"

namespace plimsoll::host {

class Host;
struct Resident;  // src/host/resident.hpp

// A conversation that outlives its leases, and its model's stay on the device.
using ConversationId = std::uint64_t;

struct AcquireOptions {
  std::optional<ConversationId> conversation{};  // go on with that one; empty: a new one that ends with the lease
  WhenBusy when_busy = WhenBusy::wait;           // where the memory belongs to models at work
  // Where others hold the memory, and our budget is not in the way. Who waits is served when readings have changed.
  WhenShort when_short = WhenShort::refuse;
  std::optional<std::chrono::milliseconds> patience{};  // wait that long at most; empty: for as long as it takes
  std::stop_token stop{};
  Claim claim{};
  // Asked to stop where a request of a higher priority waits for the slot: see Lease::give_way(). Empty: it never is.
  // What is called back then is quick, and asks nothing of the host.
  std::optional<std::stop_source> give_way{};
  // Told at once where it has to wait, and whenever its place has changed, on the acquiring thread.
  std::function<void(const Dispatcher::Place&)> waiting{};
};

// Move-only; giving it back may let others in. One thread at a time. Ends before its host does.
class Lease {
 public:
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) noexcept;
  ~Lease();

  [[nodiscard]] const std::string& model() const noexcept;
  [[nodiscard]] run::ServedModel& served() const noexcept;
  [[nodiscard]] run::Instance& instance() const;  // throws Error{unsupported} where it is in another process
  // This lease's own sequence of the model's context, decoded together with the other leases'. Throws
  // Error{unsupported} for a model that was planned for embeddings: it has one lease at a time, for what served()
  // embeds or ranks.
  [[nodiscard]] run::Conversation& conversation();
  // A sequence of the model's draft, the lease's own; empty where the fleet gives the model none.
  [[nodiscard]] std::optional<run::Draft> draft();
  [[nodiscard]] bool has_draft() const noexcept;
  // Gives the slot up, and waits for one again, before all others of its priority. The conversation, which it has with
  // resume() or from acquire(), is swapped out where others need its place, and is the same afterwards; so is its
  // object, which is not used meanwhile; a draft's is gone. A model for embeddings has none. `how`: its `stop` ends the
  // waiting, and `give_way` is asked the next time; `steps` while it waits. Throws Error: usage (it has no conversation
  // that lasts), cancelled, engine_failed (the model had to be loaded anew), and what restoring throws. Where it
  // throws, this lease has nothing any more.
  void give_way(AcquireOptions how, const WaitSteps& steps = {});
  [[nodiscard]] bool has_slot() const noexcept;
  // How many tokens were computed with it, beside what its claim says; for the shares of its tenant.
  void note_tokens(double tokens) noexcept;
  // That conversation becomes this lease's own, and outlives it; for those who can choose one only when the model is
  // ready. Another one that this lease has had is put back. Throws Error: usage (the model has no such conversation),
  // busy (it has a lease already), unsupported, and what restoring its memory throws.
  // `like`: where that conversation is new, it begins as a copy of what another one holds, if it can be had cheaply.
  void resume(ConversationId conversation, std::optional<ConversationId> like = std::nullopt);

  // Another slot of the same model, where one is free and nobody waits for one: never waits. For a request of several
  // answers, which goes on with the slots that it has.
  [[nodiscard]] std::optional<Lease> another() const;
  // What another() gave should be given back soon: somebody waits for a slot, the model is to go, or another tenant
  // that wants more has fewer slots for its weight.
  [[nodiscard]] bool is_wanted_back() const;

 private:
  friend class LeaseRequest;
  struct State;
  explicit Lease(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::host
