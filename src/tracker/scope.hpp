// Scope: says, for this thread, whose memory is being allocated now and what the engine is doing, and keeps what was
// refused meanwhile.
#pragma once
#include <optional>
#include <string>

#include <plimsoll/memory/refusal.hpp>

namespace plimsoll::tracker {

enum class Phase {
  none,     // not known
  load,     // weights
  staging,  // pinned memory that weights pass through
  context,  // KV cache, compute and output buffers
  adapter,
  projector,  // weights and compute buffers of what reads pictures and sounds
  decode,     // nothing should be allocated any more
};

// Nests; the innermost one counts. Made and destroyed on one thread.
class Scope {
 public:
  Scope(std::string owner, Phase phase);
  // A refusal that was not taken is left to the scope around it.
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // The latest refusal under this scope since the last call. The engine only knows that it got no buffer; this says who
  // refused and why.
  [[nodiscard]] std::optional<memory::Refusal> take_refusal() noexcept;

  struct Current {
    std::string owner;  // empty: nobody
    Phase phase = Phase::none;
  };
  [[nodiscard]] static const Current& current() noexcept;
  // Leaves a refusal with this thread's scope; nowhere, where it has none.
  static void note(memory::Refusal refusal) noexcept;

  // For work that another thread does in this scope's name: on that thread, while it lives, the scope is the innermost
  // one. The scope's own thread waits meanwhile.
  class Joined {
   public:
    explicit Joined(Scope& scope) noexcept;
    ~Joined();
    Joined(const Joined&) = delete;
    Joined& operator=(const Joined&) = delete;

   private:
    Scope* previous_;
  };

 private:
  Current here_;
  Scope* enclosing_;
  std::optional<memory::Refusal> refusal_;
};

}  // namespace plimsoll::tracker
