#include "answer_scheduler.hpp"

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"

namespace plimsoll::server {

using engine::Token;

AnswerScheduler::AnswerScheduler(const ServerContext& server, std::string owner, host::Lease lease, SlotRules rules,
                                 const std::vector<Token>& first_prompt, GivingWay giving_way)
    : server_(server), owner_(std::move(owner)), rules_(std::move(rules)), giving_way_(std::move(giving_way)) {
  slots_.push_back(std::make_unique<TextSlot>(server_, owner_, std::move(lease), rules_));
  cached_at_first_ = first_prompt.empty() ? 0 : slots_.front()->begin_with(first_prompt);
  rules_.number.reset();  // one conversation has it
}

bool AnswerScheduler::is_free(const TextSlot& slot) const {
  return std::ranges::none_of(answers_, [&](const auto& answer) { return &answer->slot() == &slot; });
}

TextSlot* AnswerScheduler::free_slot() {
  const auto ours = std::ranges::find_if(slots_, [&](const auto& slot) { return is_free(*slot); });
  if (ours != slots_.end()) return ours->get();
  auto lease = slots_.front()->lease().another();
  if (!lease) return nullptr;
  try {
    slots_.push_back(std::make_unique<TextSlot>(server_, owner_, std::move(*lease), rules_));
  } catch (const api::Problem&) {  // the host's memory is short: the answer waits for a slot that is there
    return nullptr;
  }
  return slots_.back().get();
}

// Those without an answer, where nothing is left to do for them here or somebody waits.
void AnswerScheduler::give_slots_back() {
  std::erase_if(slots_, [&](const auto& slot) {
    if (slot == slots_.front() || !is_free(*slot)) return false;
    return pending_.empty() || slot->lease().is_wanted_back();
  });
}

// Of the answers at work, the first of those whose prompts begin most like this one; null: none has more than that in
// common.
TextAnswer* AnswerScheduler::longest_beginning(const std::vector<Token>& prompt, std::size_t more_than) const {
  TextAnswer* longest = nullptr;
  for (const auto& answer : answers_) {
    const std::size_t common = common_beginning(answer->prompt(), prompt);
    if (common <= more_than) continue;
    longest = answer.get();
    more_than = common;
  }
  return longest;
}

// From where most of it is: the slot itself, another answer's conversation, or a kept one. To wait for another answer's
// prompt pays where that spares most of one's own; not where the model is asked about each of its tokens.
void AnswerScheduler::lay_out(TextAnswer& answer) {
  const bool is_first = !std::exchange(first_is_begun_, true);
  if (is_first || answer.prompt().empty()) return answer.laid_out(is_first ? cached_at_first_ : 0);
  TextSlot& slot = answer.slot();
  const std::vector<Token>& prompt = answer.prompt();
  const std::size_t worth_it = prompt.size() / 2;
  const std::size_t here = common_beginning(slot.tokens(), prompt);
  TextAnswer* const other = longest_beginning(prompt, std::max(here, worth_it));
  const bool follows = other != nullptr && (!answer.asks_about_prompt() || other->prompt() == prompt);
  if (follows) return answer.follow(*other);
  answer.laid_out(here > worth_it ? slot.go_back_to(prompt) : slot.begin_with(prompt));
}

void AnswerScheduler::begin_answers(const Work& work, const TextAnswer::Reader& reader) {
  while (!pending_.empty()) {
    TextSlot* const slot = free_slot();
    if (slot == nullptr) return;
    auto answer = std::make_unique<TextAnswer>(*slot, work.ask(pending_.front()), reader);
    pending_.pop_front();
    lay_out(*answer);
    answers_.push_back(std::move(answer));
  }
}

// False: nothing has come.
bool AnswerScheduler::tell_all(const Work& work) {
  bool told = false;
  for (const auto& answer : answers_) {
    const TextAnswer::Told what = answer->tell();
    told = told || what != TextAnswer::Told::nothing;
    if (what == TextAnswer::Told::its_end) work.ended(*answer);
  }
  std::erase_if(answers_, [](const auto& answer) { return answer->is_over(); });
  return told;
}

void AnswerScheduler::listen() {
  asked_.reset();
  if (giving_way_.asked.stop_possible()) asked_.emplace(giving_way_.asked, Notify{&ready_});
}

// Of several answers, once one slot is left: the others are given back first.
bool AnswerScheduler::gives_way() const {
  if (!giving_way_.asked.stop_requested() || slots_.size() != 1 || answers_.size() != 1) return false;
  return answers_.front()->may_pause();
}

// What was made is told before; where that was the end, there is nothing to wait for.
void AnswerScheduler::give_way(const Work& work, Listener& listener) {
  answers_.front()->pause();
  while (tell_all(work)) {
  }
  if (answers_.empty()) return;
  slots_.front()->lease().give_way(giving_way_.how(),
                                   {.tell = [&listener] { listener.nothing_yet(); }, .step = listener.look_every()});
  slots_.front()->came_back();
  giving_way_.asked = giving_way_.next();
  listen();
  answers_.front()->go_on();
}

void AnswerScheduler::generate(const Work& work, const TextAnswer::Reader& reader) {
  for (std::size_t answer = 0; answer < work.answers; ++answer) pending_.push_back(answer);
  listen();
  for (;;) {
    const std::uint32_t seen = ready_.seen();
    begin_answers(work, reader);
    if (answers_.empty()) return;
    if (gives_way())
      give_way(work, reader.listener);
    else if (tell_all(work))
      give_slots_back();
    else if (!ready_.wait_for(seen, reader.listener.look_every()))
      reader.listener.nothing_yet();
  }
}

// The decode loop has left all of them before the first one goes: they copy each other.
void AnswerScheduler::break_off(const Work& work, bool forget) noexcept {
  for (const auto& answer : answers_) {
    if (!answer->is_over()) work.ended(*answer);
    answer->stop();
  }
  answers_.clear();
  if (!forget) return;
  for (const auto& slot : slots_) slot->forget();
}

void AnswerScheduler::run(const Work& work, Listener& listener, TokenTimes& times) {
  try {
    generate(work, {.listener = listener, .times = times, .ready = ready_});
  } catch (const Error& error) {
    // What was decoded before a cancellation is as good as ever.
    break_off(work, error.code() != ErrorCode::cancelled);
    throw;
  } catch (...) {
    break_off(work, true);
    throw;
  }
}

}  // namespace plimsoll::server
