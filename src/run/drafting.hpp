// Drafting: a draft's sequence proposes tokens for a generation, on the decode loop, beside the proposals for others.
#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/sampler.hpp"
#include "run/generation.hpp"

#include "sequence_schedule.hpp"

namespace plimsoll::run {

// The continuation of the draft's sequence. Question and answer lie under a lock of its own, so that neither the
// target's lock is taken under the draft's nor the other way round: two instances may have loops of their own. Whatever
// goes wrong here is an answer without proposals; after a failure there are none any more.
class Drafting final : public Continuation {
 public:
  // `target` is woken when there is an answer; it outlives this.
  Drafting(const Draft& draft, std::shared_ptr<SequenceSchedule> schedule, std::shared_ptr<Sequence> sequence,
           SequenceSchedule& target, std::stop_token stop);

  [[nodiscard]] const SpeculationParams& params() const noexcept { return params_; }
  [[nodiscard]] std::size_t capacity() const { return conversation_.capacity(); }

  // The reader's, without a lock. Throws Error{usage} where the draft's conversation is being decoded already.
  void begin();         // does nothing where it is begun
  void end() noexcept;  // the loop does nothing for it any more

  // The target's side, on its loop.
  [[nodiscard]] bool is_over();
  void ask(std::vector<engine::Token> history, std::size_t most);  // what may follow these; once for each answer
  [[nodiscard]] std::optional<std::vector<engine::Token>> take();  // empty: there is no answer yet

  void before_batch(Sequence& sequence) override;
  void decoded(Sequence& sequence) override;
  void ended(engine::DecodeStatus status, std::exception_ptr failure) noexcept override;
  [[nodiscard]] const std::stop_token& stop() const noexcept override { return stop_; }

 private:
  struct Question {
    std::vector<engine::Token> history;
    std::size_t most;
  };
  void take_question();
  void answer();

  Conversation& conversation_;
  const SpeculationParams params_;
  const std::shared_ptr<SequenceSchedule> schedule_;
  const std::shared_ptr<Sequence> sequence_;
  SequenceSchedule& target_;
  const std::stop_token stop_;

  // The draft's loop.
  engine::Sampler sampler_;
  bool is_at_work_ = false;
  std::size_t most_ = 0;
  std::vector<engine::Token> proposed_;

  std::mutex mutex_;  // of what follows; nobody takes a schedule's under it
  bool is_begun_ = false;
  std::optional<Question> question_;
  std::optional<std::vector<engine::Token>> answer_;
};

}  // namespace plimsoll::run
