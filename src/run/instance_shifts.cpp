// Instance: room for moving the positions in its context's memory.
#include "run/decode_failure.hpp"
#include "run/instance.hpp"

namespace plimsoll::run {

// The engine reserves nothing for the graph that moves positions. It takes what that needs when it meets it first, and
// keeps it: so that is here, where more is planned than decoding takes.
void Instance::take_room_for_shifts(tracker::Scope& scope) {
  if (!plan_.dry_run.shift_takes_more) return;
  const auto decode_one = [&](engine::Position position) {
    engine::Batch batch;
    batch.add(0, position, 0, true);
    require_decoded(context_->decode(batch), "making room for shifts", *this);
  };
  const std::function<void()> work = [&] {
    const tracker::Scope::Joined joined(scope);
    decode_one(0);
    context_->shift(0, 0, -1, 1);
    decode_one(2);
    context_->clear();
  };
  on_loop(work);
}

}  // namespace plimsoll::run
