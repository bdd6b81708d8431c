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
#include "run/batched_executor.hpp"
#include "run/generation.hpp"
#include "run/instance.hpp"

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
  [[nodiscard]] run::Instance& instance() const noexcept;
  // This lease's own sequence of the model's context, decoded together with the other leases'. Throws
  // Error{unsupported} for a model that was planned for embeddings: it has one lease at a time, for run::Embedder or
  // run::Reranker on its instance().
  [[nodiscard]] run::Conversation& conversation();
  // A sequence of the model's draft, the lease's own; empty where the fleet gives the model none.
  [[nodiscard]] std::optional<run::Draft> draft();
  // That conversation becomes this lease's own, and outlives it; for those who can choose one only when the model is
  // ready. Another one that this lease has had is put back. Throws Error: usage (the model has no such conversation),
  // busy (it has a lease already), unsupported, and what restoring its memory throws.
  void resume(ConversationId conversation);

  // Another slot of the same model, where one is free and nobody waits for one: never waits. For a request of several
  // answers, which goes on with the slots that it has.
  [[nodiscard]] std::optional<Lease> another() const;
  // Somebody waits for a slot, or the model is to go: what another() gave should be given back soon.
  [[nodiscard]] bool is_wanted_back() const;

 private:
  friend class Host;
  struct State;
  explicit Lease(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::host
