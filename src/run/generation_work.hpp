// GenerationWork: what makes an answer for a Generation, and the queue in which it is handed over: a decode loop of
// this process (LocalWork), or one of another.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "run/generation.hpp"

namespace plimsoll::run {

class HeldSequence;

struct GenerationOutput {
  std::vector<TokenOpinion> prompt_opinions{};  // of tokens of the prompt; then there is nothing else
  std::vector<engine::Token> tokens{};          // one, or those of a checked draft; none: this is an end or a failure
  std::vector<TokenOpinion> opinions{};         // of each, where they were asked for
  std::vector<float> averages{};                // of the sampler, behind them
  std::string text{};
  FinishReason reason = FinishReason::running;
  std::exception_ptr failure{};  // out of the loop or a callback; the generation can be begun again
  double prompt_ms = 0;          // since the beginning
  double generate_ms = 0;
  SpeculationCounts speculation{};
};

// Its memory lets go of the last tokens and is what it was before them: an answer may be made ahead of its reader.
[[nodiscard]] bool can_forget_its_tail(const engine::ModelFacts& model);

// Made for one reader, whose thread calls what is public. push() is whoever makes the answer.
class GenerationWork {
 public:
  virtual ~GenerationWork() = default;
  GenerationWork(const GenerationWork&) = delete;
  GenerationWork& operator=(const GenerationWork&) = delete;

  [[nodiscard]] const GenerationParams& params() const noexcept { return params_; }
  [[nodiscard]] virtual std::uint32_t seed() const = 0;
  [[nodiscard]] virtual std::string stop_string() const = 0;  // once that ended it

  // Of an answer that is gone on with. Before begin(): its tokens so far; throws Error{usage} for what is no token. It
  // may be at its end already.
  void take_up(const Conversation& conversation, std::span<const engine::Token> answer);
  void end_for_want_of_room() noexcept { ends_at_once_ = FinishReason::length; }
  [[nodiscard]] bool ends_where_full() const noexcept;

  // At most so many pieces are made before they are read. `reads_all`: the reader does not leave before the end.
  void read_ahead(std::size_t pieces, bool reads_all);
  void begin();                                                           // does nothing where it is begun, or paused
  void pause();                                                           // throws Error{usage} where it cannot
  void go_on(HeldSequence& sequence, const std::optional<Draft>& draft);  // which the conversation has by now
  [[nodiscard]] bool is_paused() const noexcept { return is_paused_; }
  // Where there is none yet, it is waited for: in here, or by a reader who comes again.
  [[nodiscard]] std::optional<GenerationOutput> pop(bool waits);
  void put_back(GenerationOutput output);  // at the front
  [[nodiscard]] bool next_is_the_end();
  // Nothing is done for it any more. What was made beyond `read` is taken back from the conversation; the last one read
  // waits there. Gives the text that was held back, where nothing beyond `read` was made. From now on this holds
  // nothing of the conversation: its model may go before a generation that is over.
  [[nodiscard]] virtual std::string end(const std::vector<engine::Token>& read) = 0;

 protected:
  explicit GenerationWork(GenerationParams params);
  void push(GenerationOutput output) noexcept;  // whoever destroys this waits in end() until it has come back
  [[nodiscard]] std::string text_of(const Conversation& conversation, engine::Token token, std::size_t place) const;

  virtual void start() = 0;  // makes the answer from now on
  // Makes nothing for now, and holds nothing of the conversation. False: it is over.
  [[nodiscard]] virtual bool stop_for_now() = 0;
  virtual void start_again(HeldSequence& sequence) = 0;
  virtual void reader_has_come() noexcept = 0;  // is_held_ was true
  virtual void has_read() noexcept {}           // a piece; with the lock, as the one before

  GenerationParams params_;
  TextStream text_;  // whoever makes the answer
  std::size_t ahead_ = 0;
  bool was_begun_ = false;  // before a pause
  bool is_over_ = false;    // its end was read, or it was ended

  std::mutex mutex_;  // of what follows; nobody takes another one under it
  std::condition_variable changed_;
  std::deque<GenerationOutput> queue_;
  std::size_t pieces_ = 0;  // of text, in the queue
  bool reader_waits_ = false;
  bool is_held_ = false;  // nothing more is made before the reader comes

 private:
  bool is_begun_ = false;
  bool is_paused_ = false;
  std::optional<FinishReason> ends_at_once_;  // what it goes on with is all there is
};

}  // namespace plimsoll::run
