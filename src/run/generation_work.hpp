// Generation::Work: what the decode loop does for a generation: it chooses a token from the logits of the last one,
// appends it, and hands the text to the reader through a queue. No thread changes between two tokens.
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "run/generation.hpp"

#include "drafting.hpp"
#include "sequence_schedule.hpp"

namespace plimsoll::run {

struct Generation::Output {
  std::vector<engine::Token> tokens{};  // one, or those of a checked draft; none: this is an end or a failure
  std::string text{};
  FinishReason reason = FinishReason::running;
  std::exception_ptr failure{};  // out of the loop or a callback; the generation can be begun again
  double prompt_ms = 0;          // since the beginning
  double generate_ms = 0;
  SpeculationCounts speculation{};
};

// The continuation's methods are the loop's, under the schedule's lock. The others are the reader's.
class Generation::Work final : public Continuation {
 public:
  Work(Conversation& conversation, std::shared_ptr<SequenceSchedule> schedule, std::shared_ptr<Sequence> sequence,
       GenerationParams params, std::unique_ptr<Drafting> drafting);

  [[nodiscard]] const GenerationParams& params() const noexcept { return params_; }
  [[nodiscard]] const std::string& stop_string() const noexcept { return text_.stopped_by(); }  // once that ended it
  // At most so many pieces are made before they are read. `reads_all`: the reader does not leave before the end.
  void read_ahead(std::size_t pieces, bool reads_all);
  void begin();  // does nothing where it is begun, or paused
  void pause();
  // The conversation has that sequence by now.
  void go_on(std::shared_ptr<SequenceSchedule> schedule, std::shared_ptr<Sequence> sequence,
             std::unique_ptr<Drafting> drafting);
  [[nodiscard]] bool is_paused() const noexcept { return is_paused_; }
  // Where there is none yet, it is waited for: in here, or by a reader who comes again.
  [[nodiscard]] std::optional<Output> pop(bool waits);
  void put_back(Output output);  // at the front
  [[nodiscard]] bool next_is_the_end();
  // The loop does nothing for it any more. What was made beyond `read` is taken back from the conversation; the last
  // one read waits there. Gives the text that was held back, where nothing beyond `read` was made. From now on this
  // holds nothing of the executor: an instance may go before a generation that is over.
  std::string end(const std::vector<engine::Token>& read);

  void before_batch(Sequence& sequence) override;
  void decoded(Sequence& sequence) override;
  void ended(engine::DecodeStatus status, std::exception_ptr failure) noexcept override;
  [[nodiscard]] const std::stop_token& stop() const noexcept override { return params_.stop; }

 private:
  void note_prompt();
  void choose(Sequence& sequence);
  [[nodiscard]] FinishReason choose_from(std::span<const float> logits, Output& output);
  void tell(Sequence& sequence, FinishReason reason, Output output);
  void go_on();
  void append(bool for_the_last_time);
  void finish(Sequence& sequence, FinishReason reason, Output output);
  void push(Output output) noexcept;
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] bool is_at_limit();
  [[nodiscard]] bool may_go_on();
  [[nodiscard]] std::string text_of(engine::Token token) const;
  // With a draft: src/run/generation_checks.cpp.
  [[nodiscard]] std::size_t most_proposals();
  void append_proposed(std::vector<engine::Token> proposed);
  void check(Sequence& sequence);
  void take_back_unchecked();

  Conversation& conversation_;
  std::shared_ptr<SequenceSchedule> schedule_;
  std::shared_ptr<Sequence> sequence_;
  GenerationParams params_;
  std::shared_ptr<engine::Sampler> sampler_;
  std::unique_ptr<Drafting> drafting_;  // where there is a draft, until the end or a pause
  // The reader's.
  bool is_begun_ = false;
  bool was_begun_ = false;  // before a pause
  bool is_paused_ = false;  // it holds nothing of the executor
  bool is_over_ = false;    // its end was read, or it was ended

  // The loop's, and the reader's where it has none of it attached.
  TextStream text_;
  bool prompt_is_done_ = false;
  std::size_t prompt_size_ = 0;  // of it, what waited at the beginning
  std::size_t chosen_ = 0;       // tokens
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

  std::mutex mutex_;  // of what follows; nobody takes the schedule's under it
  std::condition_variable changed_;
  std::deque<Output> queue_;
  std::size_t pieces_ = 0;  // of text, in the queue
  std::size_t ahead_ = 0;
  bool reader_waits_ = false;
  bool is_held_ = false;  // the loop waits for the reader
};

}  // namespace plimsoll::run
