// SequenceSchedule: the sequences of one instance: who has which, what of them is decoded next, and what is true after
// a batch that failed. Everything is under one lock, which is held while the engine decodes.
//
// Only the instance's loop decodes. Who needs something computed (decoding, encoding, moving memory) goes there first,
// with on_loop(), and takes the lock there: the loop would wait for ever for a lock whose holder waits for the loop.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "run/decode_loop.hpp"
#include "run/instance.hpp"
#include "run/sequence_snapshot.hpp"

#include "continuation.hpp"
#include "fair_mutex.hpp"
#include "sequence.hpp"

namespace plimsoll::run {

// Throws Error{usage} where the vocabulary does not have one of them.
void require_tokens(const engine::ModelFacts& model, std::span<const engine::Token> tokens);

class SequenceSchedule final : public DecodeLoop::Source {
 public:
  using Lock = std::lock_guard<FairMutex>;

  explicit SequenceSchedule(Instance& instance);
  ~SequenceSchedule() override;
  SequenceSchedule(const SequenceSchedule&) = delete;
  SequenceSchedule& operator=(const SequenceSchedule&) = delete;

  [[nodiscard]] FairMutex& mutex() const noexcept { return mutex_; }
  [[nodiscard]] Instance& instance() const noexcept { return instance_; }

  // Without the lock. Runs `work` on the loop's thread, with the lock; gives what it gives.
  template <class Work>
  auto on_loop(Work&& work) {
    using Result = std::invoke_result_t<Work>;
    std::conditional_t<std::is_void_v<Result>, std::monostate, std::optional<Result>> result;
    instance_.on_loop([&] {
      const Lock lock(mutex_);
      if constexpr (std::is_void_v<Result>)
        work();
      else
        result.emplace(work());
    });
    if constexpr (!std::is_void_v<Result>) return std::move(*result);
  }
  // The same for work that appends a prompt: on the loop's thread where an encoder computes it at once, else here.
  template <class Work>
  auto where_prompts_are_read(Work&& work) {
    if (instance_.model()->facts().has_encoder) return on_loop(std::forward<Work>(work));
    const Lock lock(mutex_);
    return work();
  }
  // The sequence is decoded for this continuation from now on. Throws Error{usage} where it has one.
  void attach(Sequence& sequence, Continuation& continuation);
  // Its methods are not running and are not called any more.
  void detach(Sequence& sequence, const Continuation& continuation) noexcept;
  void wake() noexcept { instance_.loop()->wake(*this); }  // with or without the lock
  [[nodiscard]] bool decode_batch() noexcept override;
  void broke_off(const std::exception_ptr& failure) noexcept override;
  [[nodiscard]] std::size_t cells_used() const noexcept { return cells_used_; }  // with or without the lock
  [[nodiscard]] std::size_t largest_whole_prompt() const;  // tokens that go into a batch together or not at all
  void on_full_cache(std::function<bool()> make_free) { make_free_ = std::move(make_free); }  // with the lock

  // All of these with the lock held.
  [[nodiscard]] std::shared_ptr<Sequence> create();  // throws Error{busy}
  void release(const std::shared_ptr<Sequence>& sequence) noexcept;
  [[nodiscard]] std::size_t free() const noexcept { return free_.size(); }

  void append(Sequence& sequence, std::span<const engine::Token> tokens, bool all_logits);
  void append_vectors(Sequence& sequence, std::span<const float> vectors);
  // What is in memory was computed with others, and waits to be computed again. Throws Error: usage (another number of
  // scales; it is being decoded; its prompt was encoded), unsupported (vectors that are not kept).
  void set_adapter_scales(Sequence& sequence, std::span<const float> scales);
  // A prompt in pieces, media among them, which are encoded here. All of it, or nothing where something is thrown.
  void append_chunks(Sequence& sequence, std::span<const engine::PromptChunk> chunks);
  // It consists of these pieces then: see Conversation::replace(). Answers how many cells are in memory.
  [[nodiscard]] std::size_t replace_with_chunks(Sequence& sequence, std::span<const engine::PromptChunk> chunks,
                                                std::size_t same);
  // Keeps the first `size` tokens; all that cannot stay in memory waits again.
  void truncate(Sequence& sequence, std::size_t size);
  // The same where that makes nothing wait again; else all of it stays.
  void forget_behind(Sequence& sequence, std::size_t size);
  void forget_logits(Sequence& sequence) noexcept;
  void note_cells() noexcept;  // after each change of what is in memory
  // The sequence's rows of logits become its own, before the engine reuses their place.
  void own_logits(Sequence& sequence);
  // Nothing of it is in memory any more; its tokens wait. Throws Error{unsupported} where vectors are among them.
  void decode_again(Sequence& sequence);
  [[nodiscard]] std::shared_ptr<Sequence> fork(Sequence& sequence);
  void copy(Sequence& from, Sequence& to);  // `to` has no continuation; what it held is gone
  [[nodiscard]] std::shared_ptr<Sequence> restore(const SequenceSnapshot& snapshot);
  [[nodiscard]] SequenceSnapshot save(Sequence& sequence);
  [[nodiscard]] Bytes size_when_saved(Sequence& sequence);  // of its memory

  [[nodiscard]] std::size_t decoded_for_somebody() const;  // how many sequences
  // The logits `back` tokens before the last: the engine's own row, or the sequence's copy. Empty: there are none.
  [[nodiscard]] std::span<const float> row(const Sequence& sequence, std::size_t back = 0) const;
  // One batch, on the loop's thread; continuations hear of it.
  [[nodiscard]] engine::DecodeStatus infer(const std::stop_token& stop);

 private:
  struct Share {  // of one batch
    Sequence* sequence;
    std::size_t count;
    std::int32_t first_row;  // in the batch
  };
  [[nodiscard]] Sequence& next_in_turn(const std::vector<Sequence*>& queue) const;
  void count_batch(const std::vector<Share>& shares, std::size_t tokens);
  // Makes the engine do what copies and shifts have left for the next decode.
  void settle_memory();
  [[nodiscard]] std::vector<Sequence*> waiting() const;
  [[nodiscard]] std::vector<Share> shares(std::size_t most) const;
  [[nodiscard]] engine::Batch compose(std::vector<Share>& shares) const;
  void advance(const std::vector<Share>& shares);
  void recover(Sequence& sequence, bool trusted);
  void decode_again_or_clear(Sequence& sequence);
  void require_room(const Sequence& sequence, std::size_t count, engine::Position positions) const;
  void push_tokens(Sequence& sequence, std::span<const engine::Token> tokens);
  void push_block(Sequence& sequence, VectorBlock block, engine::Position n_positions);
  void encode_prompt(Sequence& sequence, std::span<const engine::Token> tokens);
  [[nodiscard]] bool cut_memory(Sequence& sequence, std::size_t size);
  [[nodiscard]] bool window_reaches(const Sequence& sequence, std::size_t size) const;

  [[nodiscard]] std::vector<std::shared_ptr<Sequence>> with_continuation() const;
  [[nodiscard]] bool has_window() const;
  // See sequence_places.hpp; on the loop's thread.
  [[nodiscard]] bool computes_in_parts() const;
  [[nodiscard]] std::vector<bool> places_at_work() const;
  void gather_those_at_work() noexcept;
  [[nodiscard]] Sequence* sequence_of(engine::SequenceId number) const;  // null: nobody has it
  void exchange_places(engine::SequenceId at_work, engine::SequenceId other);
  [[nodiscard]] bool takes_equal_parts() const;  // of the sequences of a batch
  [[nodiscard]] std::size_t largest_batch(const std::stop_token& stop) const;
  [[nodiscard]] engine::DecodeStatus decode(std::vector<Share>& shares, const std::stop_token& stop);
  [[nodiscard]] std::stop_token stop_of_batch() const;
  void make_way(bool was_alone);
  void let_go_on_if_others_ended();
  void end(const std::vector<Share>& shares, engine::DecodeStatus status, const std::exception_ptr& failure) noexcept;

  mutable FairMutex mutex_;
  Instance& instance_;
  SequenceClaim claim_;
  std::function<bool()> make_free_;
  std::size_t at_work_when_full_ = 0;     // sequences with a continuation when the last one made way; 0: none has
  bool alone_ = false;                    // the next batch is of sequences with a continuation only
  std::vector<engine::SequenceId> free_;  // lowest last
  std::vector<std::shared_ptr<Sequence>> sequences_;  // in use, oldest first
  std::uint64_t batches_ = 0;                         // decoded so far
  std::uint64_t families_ = 0;                        // of cells, see CellRuns
  struct Turn {                                       // of those who have the same adapters
    engine::AdapterScales adapter_scales{};
    std::size_t batches = 0;
    std::size_t tokens = 0;
  } turn_;
  struct Places {  // by number, of those at work
    std::vector<bool> at_work{};
    std::size_t batches = 0;  // decoded since it is so
  } places_;
  std::atomic<std::size_t> cells_used_ = 0;
};

}  // namespace plimsoll::run
