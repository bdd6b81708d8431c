// SequenceSchedule: the sequences of one instance: who has which, what of them is decoded next, and what is true after
// a batch that failed. Everything is under one lock, which is held while the engine decodes.
#pragma once
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <vector>

#include "run/instance.hpp"
#include "run/sequence_snapshot.hpp"

#include "company.hpp"
#include "sequence.hpp"

namespace plimsoll::run {

// Throws Error{usage} where one of them is none.
void require_tokens(const engine::ModelFacts& model, std::span<const engine::Token> tokens);

class SequenceSchedule {
 public:
  explicit SequenceSchedule(Instance& instance);
  ~SequenceSchedule();
  SequenceSchedule(const SequenceSchedule&) = delete;
  SequenceSchedule& operator=(const SequenceSchedule&) = delete;

  [[nodiscard]] std::mutex& mutex() const noexcept { return mutex_; }
  [[nodiscard]] Instance& instance() const noexcept { return instance_; }

  // All of these with the lock held.
  [[nodiscard]] std::shared_ptr<Sequence> create();  // throws Error{busy}
  void release(const std::shared_ptr<Sequence>& sequence) noexcept;
  [[nodiscard]] std::size_t free() const noexcept { return free_.size(); }

  void append(Sequence& sequence, std::span<const engine::Token> tokens, bool all_logits);
  void append_vectors(Sequence& sequence, std::span<const float> vectors);
  // A prompt in pieces, media among them, which are encoded here. All of it, or nothing where something is thrown.
  void append_chunks(Sequence& sequence, std::span<const engine::PromptChunk> chunks);
  // Keeps the first `size` tokens; all that cannot stay in memory waits again.
  void truncate(Sequence& sequence, std::size_t size);
  void forget_logits(Sequence& sequence) noexcept;
  // The sequence's rows of logits become its own, before the engine reuses their place.
  void own_logits(Sequence& sequence);
  // Nothing of it is in memory any more; its tokens wait. Throws Error{unsupported} where vectors are among them.
  void decode_again(Sequence& sequence);
  [[nodiscard]] std::shared_ptr<Sequence> fork(Sequence& sequence);
  [[nodiscard]] std::shared_ptr<Sequence> restore(const SequenceSnapshot& snapshot);
  [[nodiscard]] SequenceSnapshot save(Sequence& sequence);
  [[nodiscard]] Bytes size_when_saved(Sequence& sequence);  // of its memory
  [[nodiscard]] ContextSnapshot save_all();
  [[nodiscard]] std::vector<std::shared_ptr<Sequence>> restore_all(const ContextSnapshot& snapshot);

  [[nodiscard]] engine::DecodeStatus infer(std::stop_token stop);
  [[nodiscard]] Company& company() noexcept { return company_; }
  // Before infer(), for who decodes one of several conversations: see Company.
  void gather(std::unique_lock<std::mutex>& lock, const Sequence& own) { company_.gather(lock, own, sequences_); }

 private:
  struct Share {  // of one batch
    Sequence* sequence;
    std::size_t count;
    std::int32_t first_row;  // in the batch
  };
  // Makes the engine do what copies and shifts have left for the next decode.
  void settle_memory();
  [[nodiscard]] std::vector<Sequence*> waiting() const;
  [[nodiscard]] std::vector<Share> shares(std::size_t most) const;
  [[nodiscard]] engine::Batch compose(std::vector<Share>& shares) const;
  void advance(const std::vector<Share>& shares);
  void recover(Sequence& sequence, bool trusted);
  void decode_again_or_clear(Sequence& sequence);
  void require_room(const Sequence& sequence, std::size_t count, engine::Position positions) const;
  static void driven_from_here(Sequence& sequence) noexcept;
  void push_tokens(Sequence& sequence, std::span<const engine::Token> tokens);
  void push_block(Sequence& sequence, VectorBlock block, engine::Position n_positions);
  void encode_prompt(Sequence& sequence, std::span<const engine::Token> tokens);
  [[nodiscard]] bool cut_memory(Sequence& sequence, std::size_t size);
  [[nodiscard]] bool window_reaches(const Sequence& sequence, std::size_t size) const;

  mutable std::mutex mutex_;
  Company company_;
  Instance& instance_;
  SequenceClaim claim_;
  std::vector<engine::SequenceId> free_;              // lowest last
  std::vector<std::shared_ptr<Sequence>> sequences_;  // in use, oldest first
};

}  // namespace plimsoll::run
