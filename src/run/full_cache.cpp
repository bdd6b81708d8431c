// SequenceSchedule: who makes way where sequences share a cache and it is full.
#include <algorithm>

#include "sequence_schedule.hpp"

namespace plimsoll::run {

std::size_t SequenceSchedule::decoded_for_somebody() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(sequences_, [](const auto& sequence) { return sequence->continuation != nullptr; }));
}

// 1. a conversation that nobody uses;
// 2. the youngest of those that are decoded for somebody, first of those whose readers are slow: its memory is given up
//    and decoded again once another has ended;
// 3. what waits without being decoded for anybody stays out of the batch;
// 4. the last one ends.
void SequenceSchedule::make_way(bool was_alone) {
  if (make_free_ && make_free_()) return;
  std::vector<Sequence*> at_work;
  for (const auto& sequence : sequences_) {
    if (sequence->continuation != nullptr && !sequence->made_way) at_work.push_back(sequence.get());
  }
  std::ranges::stable_partition(at_work, [](const Sequence* sequence) { return sequence->waiting() > 0; });
  const auto can_make_way = [](const Sequence* sequence) { return !sequence->has_lost_vectors(); };
  const auto youngest = std::ranges::find_if(at_work.rbegin(), at_work.rend(), can_make_way);
  if (at_work.size() > 1 && youngest != at_work.rend()) {
    at_work_when_full_ = decoded_for_somebody();
    decode_again(**youngest);
    (*youngest)->made_way = true;
  } else if (!was_alone) {
    alone_ = true;
  } else {
    for (Sequence* sequence : at_work) end_continuation(*sequence, engine::DecodeStatus::no_kv_slot, nullptr);
  }
}

void SequenceSchedule::let_go_on_if_others_ended() {
  if (at_work_when_full_ == 0) return;
  const bool others_are_at_work = std::ranges::any_of(
      sequences_, [](const auto& sequence) { return sequence->continuation != nullptr && !sequence->made_way; });
  if (others_are_at_work && decoded_for_somebody() >= at_work_when_full_) return;
  for (const auto& sequence : sequences_) sequence->made_way = false;
  at_work_when_full_ = 0;
}

}  // namespace plimsoll::run
