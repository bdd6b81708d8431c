// LocalWork with a draft: what is proposed is decoded at once, and kept as far as it is what would have been
// chosen anyway.
#include <algorithm>
#include <utility>

#include "local_work.hpp"

namespace plimsoll::run {

// 0: the next token is decoded alone.
std::size_t LocalWork::most_proposals() {
  if (!drafting_ || drafting_->is_over() || sequence_->first_vector) return 0;  // a draft sees no pictures
  const Instance& instance = conversation_.instance();
  const std::size_t room = conversation_.room();
  std::size_t most = std::min<std::size_t>(
      {drafting_->params().most, instance.plan().dry_run.outputs - 1,
       static_cast<std::size_t>(conversation_.instance().context().facts().n_batch) - 1, room > 0 ? room - 1 : 0});
  // Checking n proposals gives up to n + 1 tokens.
  if (params_.predict >= 0) most = std::min(most, static_cast<std::size_t>(params_.predict) - said() - 1);
  const std::size_t history = sequence_->tokens.size() + 1;
  return history + most <= drafting_->capacity() ? most : 0;  // the draft's context may end before the target's
}

void LocalWork::append_proposed(std::vector<engine::Token> proposed) {
  if (proposed.empty()) return append(false);
  std::vector<engine::Token> all{last_};
  all.append_range(proposed);
  conversation_.prompt_all_logits(all);
  last_is_appended_ = true;
  appended_ += all.size();
  unchecked_ = proposed.size();
  proposed_ = std::move(proposed);
}

void LocalWork::check(Sequence& sequence) {
  const std::vector<engine::Token> proposed = std::exchange(proposed_, {});
  counts_.proposed += proposed.size();
  GenerationOutput output;
  FinishReason reason = FinishReason::running;
  try {
    for (std::size_t kept = 0;; ++kept) {
      reason = choose_from(schedule_->row(sequence, unchecked_), output);
      if (reason != FinishReason::running || kept == proposed.size() || proposed[kept] != last_) break;
      last_is_appended_ = true;
      --unchecked_;
      ++counts_.accepted;
    }
  } catch (...) {  // somebody's callback: what was chosen before is told, and the rest can be chosen again
    take_back_unchecked();
    if (last_is_appended_) conversation_.refresh();
    if (!output.tokens.empty()) hand_over(std::move(output));
    throw;
  }
  take_back_unchecked();
  tell(sequence, reason, std::move(output));
}

void LocalWork::take_back_unchecked() {
  proposed_.clear();
  if (unchecked_ == 0) return;
  conversation_.rewind(unchecked_);
  appended_ -= unchecked_;
  unchecked_ = 0;
}

}  // namespace plimsoll::run
