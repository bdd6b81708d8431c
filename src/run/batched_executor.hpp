// BatchedExecutor: one context, many conversations, decoded together.
#pragma once
#include <functional>
#include <memory>
#include <stop_token>

#include "run/conversation.hpp"
#include "run/instance.hpp"

namespace plimsoll::run {

// Any thread. Everything is decoded on the instance's decode loop, in batches of all conversations that have something
// waiting when a batch is made.
class BatchedExecutor {
 public:
  // Begins with an empty context. One executor for an instance at a time: a second one throws Error{busy}. The instance
  // must have its context and outlive the executor and its conversations. Throws Error{unsupported} for a model that
  // only encodes, and for an encoder-decoder model with several sequences (the engine keeps one encoded prompt).
  explicit BatchedExecutor(Instance& instance);
  ~BatchedExecutor();
  BatchedExecutor(BatchedExecutor&&) noexcept;
  BatchedExecutor& operator=(BatchedExecutor&&) noexcept;

  // An empty conversation. Throws Error{busy} where all n_seq_max sequences are taken; nothing waits.
  [[nodiscard]] Conversation create();
  // One that was saved, on this model with a cache of the same shape: else Error{usage}, and nothing has changed.
  [[nodiscard]] Conversation load(const SequenceSnapshot& snapshot);
  // One that was saved, in the place of one of this executor's, whose sequence it takes where no other is free: nobody
  // else can get that meanwhile. Throws likewise, and nothing has changed.
  void load_into(Conversation& conversation, const SequenceSnapshot& snapshot);
  [[nodiscard]] std::size_t free_sequences() const;
  // Cells that hold tokens of conversations, of engine::ContextFacts::n_ctx; those that forks share count once. Does
  // not wait for a batch that is being decoded.
  [[nodiscard]] std::size_t cells_used() const noexcept;

  // Decodes one batch of what waits, at most n_batch tokens, and one micro-batch where it can be stopped, where a
  // Generation wants its next token or where layers have a window: first whoever waits with few, then equal shares of
  // the long prompts, so that nobody stands still behind a long one. Nothing waiting: ok. Whatever the answer, every
  // conversation keeps what was decoded, and the rest waits:
  //   no_kv_slot             nothing was decoded; free something and call again
  //   aborted                `stop` was requested; within one micro-batch
  //   out_of_memory, failed  where the memory cannot be trusted any more (recurrent and hybrid models) everything waits
  //                          to be decoded again; a conversation with vectors in it, which are not kept, is then empty.
  [[nodiscard]] engine::DecodeStatus infer(std::stop_token stop = {});

  // Where sequences share a cache and it is full, `make_free` is called on the decode loop's thread before anybody who
  // is being decoded has to wait: it ends a conversation that nobody uses and answers true, or false where there is
  // none. It must not wait for another thread that uses this executor. Without one, or where it does not help, the
  // youngest of those that are being decoded wait and are decoded again once another has ended; the last one ends:
  // Conversation:: infer() with no_kv_slot, a Generation with `length`.
  void on_full_cache(std::function<bool()> make_free);

  [[nodiscard]] Instance& instance() const;

 private:
  std::shared_ptr<SequenceSchedule> schedule_;
};

}  // namespace plimsoll::run
