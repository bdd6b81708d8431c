// LocalWork: what the decode loop of this process does for a generation: it chooses a token from the logits of the last
// one, appends it, and hands the text to the reader through a queue. No thread changes between two tokens.
#pragma once
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "run/generation_work.hpp"

#include "drafting.hpp"
#include "sequence_schedule.hpp"

namespace plimsoll::run {

// The continuation's methods are the loop's, under the schedule's lock. The others are the reader's.
class LocalWork final : public GenerationWork, public Continuation {
 public:
  LocalWork(Conversation& conversation, std::shared_ptr<SequenceSchedule> schedule, std::shared_ptr<Sequence> sequence,
            GenerationParams params, std::unique_ptr<Drafting> drafting);

  [[nodiscard]] std::uint32_t seed() const override { return sampler_->seed(); }
  [[nodiscard]] std::string stop_string() const override { return text_.stopped_by(); }
  [[nodiscard]] std::string end(const std::vector<engine::Token>& read) override;

  void before_batch(Sequence& sequence) override;
  void decoded(Sequence& sequence) override;
  void ended(engine::DecodeStatus status, std::exception_ptr failure) noexcept override;
  [[nodiscard]] const std::stop_token& stop() const noexcept override { return params_.stop; }

 private:
  void start() override;
  [[nodiscard]] bool stop_for_now() override;
  void start_again(HeldSequence& sequence) override;
  void reader_has_come() noexcept override { schedule_->wake(); }
  void note_prompt();
  void choose(Sequence& sequence);
  [[nodiscard]] FinishReason choose_from(std::span<const float> logits, GenerationOutput& output);
  [[nodiscard]] static TokenOpinion opinion_of(engine::Token token, std::span<const float> logits,
                                               std::size_t likeliest);
  [[nodiscard]] TokenOpinion opinion_of_samplers(engine::Token token, std::size_t likeliest) const;
  void tell(Sequence& sequence, FinishReason reason, GenerationOutput output);
  void move_on();
  void append(bool for_the_last_time);
  void finish(Sequence& sequence, FinishReason reason, GenerationOutput output);
  void hand_over(GenerationOutput output) noexcept;
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] bool is_at_limit();
  [[nodiscard]] bool may_go_on();
  [[nodiscard]] std::size_t said() const noexcept { return params_.answer_so_far.tokens + chosen_; }
  // Where the model is asked about the prompt: src/run/local_work_prompt.cpp.
  void hold_prompt_back();
  void put_prompt_back();
  void append_of_prompt();
  void tell_prompt(Sequence& sequence);
  // With a draft: src/run/local_work_checks.cpp.
  [[nodiscard]] std::size_t most_proposals();
  void append_proposed(std::vector<engine::Token> proposed);
  void check(Sequence& sequence);
  void take_back_unchecked();

  Conversation& conversation_;
  std::shared_ptr<SequenceSchedule> schedule_;
  std::shared_ptr<Sequence> sequence_;
  std::shared_ptr<engine::Sampler> sampler_;
  std::unique_ptr<Drafting> drafting_;  // where there is a draft, until the end or a pause

  // The loop's, and the reader's where it has none of it attached.
  bool prompt_is_done_ = false;
  std::size_t prompt_size_ = 0;  // of it, what waited at the beginning
  // Where the model is asked about the prompt: what of it is not in the conversation yet, from where on it is told, and
  // how many of its last tokens there are computed with all their logits.
  std::deque<engine::Token> held_back_;
  std::optional<std::size_t> told_from_;
  std::size_t asked_ = 0;
  std::size_t chosen_ = 0;  // tokens
  engine::Token last_ = LLAMA_TOKEN_NULL;
  engine::Token end_token_ = LLAMA_TOKEN_NULL;  // the model's own end, once it was chosen
  bool last_is_appended_ = true;
  std::size_t appended_ = 0;  // to the conversation, the model's own end and what is unchecked among them
  bool is_drafting_ = false;  // the draft was asked what may come next
  std::vector<engine::Token> proposed_;
  std::size_t unchecked_ = 0;  // of the proposed, at the end of the conversation
  SpeculationCounts counts_;
  Stopwatch since_last_;  // token, or the beginning, or what let it go on
  double prompt_ms_ = 0;
  double generate_ms_ = 0;
};

}  // namespace plimsoll::run
