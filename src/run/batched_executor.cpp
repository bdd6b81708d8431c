#include "run/batched_executor.hpp"

#include "local_sequence.hpp"

namespace plimsoll::run {

using engine::DecodeStatus;
using Lock = SequenceSchedule::Lock;

BatchedExecutor::BatchedExecutor(Instance& instance) : schedule_(std::make_shared<SequenceSchedule>(instance)) {}
BatchedExecutor::~BatchedExecutor() = default;
BatchedExecutor::BatchedExecutor(BatchedExecutor&&) noexcept = default;
BatchedExecutor& BatchedExecutor::operator=(BatchedExecutor&&) noexcept = default;

Conversation BatchedExecutor::create() {
  const Lock lock(schedule_->mutex());
  return Conversation(std::make_unique<LocalSequence>(schedule_, schedule_->create()));
}

Conversation BatchedExecutor::load(const SequenceSnapshot& snapshot) {
  return Conversation(
      std::make_unique<LocalSequence>(schedule_, schedule_->on_loop([&] { return schedule_->restore(snapshot); })));
}

void BatchedExecutor::load_into(Conversation& conversation, const SequenceSnapshot& snapshot) {
  const auto restored = [&](const SequenceSnapshot& from) {
    return Conversation(std::make_unique<LocalSequence>(schedule_, schedule_->restore(from)));
  };
  schedule_->on_loop([&] {
    if (schedule_->free() > 0) {
      conversation = restored(snapshot);
      return;
    }
    // Where every sequence is taken, its own place is what the restored one needs.
    const SequenceSnapshot before = conversation.save();
    {
      const Conversation gone = std::move(conversation);
    }
    try {
      conversation = restored(snapshot);
    } catch (...) {
      conversation = restored(before);
      throw;
    }
  });
}

std::size_t BatchedExecutor::free_sequences() const {
  const Lock lock(schedule_->mutex());
  return schedule_->free();
}

std::size_t BatchedExecutor::cells_used() const noexcept { return schedule_->cells_used(); }

DecodeStatus BatchedExecutor::infer(std::stop_token stop) {
  return schedule_->on_loop([&] { return schedule_->infer(stop); });
}

void BatchedExecutor::on_full_cache(std::function<bool()> make_free) {
  const Lock lock(schedule_->mutex());
  schedule_->on_full_cache(std::move(make_free));
}

Instance& BatchedExecutor::instance() const { return schedule_->instance(); }

}  // namespace plimsoll::run
