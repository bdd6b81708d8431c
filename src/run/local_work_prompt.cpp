// LocalWork where the model is asked about its prompt: the logits of all its tokens are wanted, and rows of them are
// few. So the prompt is held back, and appended as far as the rows reach. Its last token comes alone: what follows it
// is the answer's.
#include <algorithm>
#include <iterator>

#include "local_work.hpp"

namespace plimsoll::run {

// What is not told yet leaves the conversation, where none of it has been decoded.
void LocalWork::hold_prompt_back() {
  if (!params_.prompt_likeliest || prompt_is_done_) return;
  const std::vector<engine::Token> tokens = conversation_.tokens();
  if (!told_from_) told_from_ = tokens.size() - conversation_.waiting();
  asked_ = 0;
  if (tokens.size() <= *told_from_) return;
  held_back_.insert(held_back_.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(*told_from_), tokens.end());
  conversation_.rewind(tokens.size() - *told_from_);
}

// Nobody asks any more: all of it waits, as any prompt does.
void LocalWork::put_prompt_back() {
  if (held_back_.empty()) return;
  hold_prompt_back();
  conversation_.prompt(std::vector<engine::Token>(held_back_.begin(), held_back_.end()));
  held_back_.clear();
}

// The rows of logits are shared evenly with whoever else is decoded for somebody.
void LocalWork::append_of_prompt() {
  Instance& instance = conversation_.instance();
  const std::size_t sharers = std::max<std::size_t>(schedule_->decoded_for_somebody(), 1);
  const std::size_t rows = std::max<std::size_t>(instance.plan().dry_run.outputs / sharers, 1);
  const std::size_t most = std::min<std::size_t>(rows, instance.context().facts().n_ubatch);
  const std::size_t count = std::min(held_back_.size() - 1, most);
  const auto end = held_back_.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(count, 1));
  const std::vector<engine::Token> next(held_back_.begin(), end);
  if (count == 0)
    conversation_.prompt(next);
  else
    conversation_.prompt_all_logits(next);
  held_back_.erase(held_back_.begin(), end);
  asked_ = count;
}

// After each of these tokens: how likely the one behind it was.
void LocalWork::tell_prompt(Sequence& sequence) {
  GenerationOutput output;
  const std::vector<engine::Token>& tokens = sequence.tokens;
  for (std::size_t back = asked_; back-- > 0;) {
    const engine::Token next = back > 0 ? tokens[tokens.size() - back] : held_back_.front();
    output.prompt_opinions.push_back(opinion_of(next, schedule_->row(sequence, back), *params_.prompt_likeliest));
  }
  *told_from_ += asked_;
  asked_ = 0;
  schedule_->forget_logits(sequence);
  hand_over(std::move(output));
}

}  // namespace plimsoll::run
