// Continuation: what is done for a sequence before and after the batches that decode it.
#pragma once
#include <exception>
#include <stop_token>
#include <utility>

#include "engine/context.hpp"

#include "sequence.hpp"

namespace plimsoll::run {

// Attached to a sequence by SequenceSchedule::attach(); a sequence that has one is decoded until nothing of it waits.
// All calls come on the loop's thread with the schedule's lock held. They may take a lock of their own, under which
// nobody takes the schedule's, and call the conversation's methods. What before_batch() and decoded() throw comes back
// in ended(), and touches no other sequence.
//
// A continuation that is done sets Sequence::continuation to null and then says so to whoever waits for it: after that
// it may be destroyed at any moment.
class Continuation {
 public:
  virtual ~Continuation() = default;
  // Before every batch of its context: the place to append what was held back, or to give up.
  virtual void before_batch(Sequence& sequence) = 0;
  // A batch has decoded a part of the sequence; its logits are there where nothing waits any more.
  virtual void decoded(Sequence& sequence) = 0;
  // It is detached. `failure` is null where the engine said `status`.
  virtual void ended(engine::DecodeStatus status, std::exception_ptr failure) noexcept = 0;
  [[nodiscard]] virtual const std::stop_token& stop() const noexcept = 0;
};

inline void end_continuation(Sequence& sequence, engine::DecodeStatus status, std::exception_ptr failure) noexcept {
  sequence.made_way = false;
  if (Continuation* const continuation = std::exchange(sequence.continuation, nullptr))
    continuation->ended(status, std::move(failure));
}

}  // namespace plimsoll::run
