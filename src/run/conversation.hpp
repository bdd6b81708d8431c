// Conversation: one sequence of a context: its tokens, which of them are in memory, and what the model says next.
#pragma once
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "engine/adapter.hpp"
#include "engine/media.hpp"
#include "engine/sampler.hpp"
#include "run/sequence_snapshot.hpp"

namespace plimsoll::run {

class HeldSequence;  // run/held_sequence.hpp
class Instance;
class LocalSequence;     // src/run/local_sequence.hpp
struct Sequence;         // src/run/sequence.hpp
class SequenceSchedule;  // src/run/sequence_schedule.hpp

// Made by BatchedExecutor::create(); holds one of its sequences until destroyed. Move-only. One thread at a time;
// different conversations of one executor may be used from different threads. Keeps the executor's state alive, not its
// instance, which must outlive it.
//
// Tokens are appended with prompt() and lie waiting until infer(), here or at the executor, has decoded them; then the
// logits after the last one are here until the next prompt. Misuse throws Error{usage} and changes nothing.
//
// The context may be in another process. Then what needs it here (instance(), text and media as prompts, vectors,
// logits, fork(), moving memory about) throws Error{unsupported}.
class Conversation {
 public:
  explicit Conversation(std::unique_ptr<HeldSequence> sequence);
  ~Conversation();
  Conversation(Conversation&&) noexcept;
  Conversation& operator=(Conversation&&) noexcept;

  // Appends. The first prompt of an encoder-decoder model goes to its encoder, at once; what follows to its decoder.
  // Throws Error: context_overflow (needed and available, in tokens), usage (an unknown token; nothing at all).
  void prompt(std::span<const engine::Token> tokens);
  void prompt(engine::Token token) { prompt(std::span(&token, 1)); }
  // Text, read with its special tokens; with the model's own begin token where the conversation is empty.
  void prompt(std::string_view text);
  // Text with media: each of the projector's markers in it stands for one ("<__media__> What is this?"). Media are
  // encoded here, which takes its time, and the executor's other conversations wait meanwhile; infer() then decodes
  // text and vectors in their order. A picture takes as many cells as it has vectors, and where positions have several
  // dimensions fewer positions: size() counts cells, next_position() positions. The same applies to it as to
  // prompt_embeddings(); it can be taken back as a whole only. Throws Error: usage (no projector was planned; another
  // number of markers than of media; vectors that must be decoded at once and do not fit a micro-batch), sealed (larger
  // than any that the warm-up drove), unsupported (a sound for a projector that does not hear), context_overflow,
  // engine_failed. Whatever is thrown, nothing has changed.
  void prompt(std::string_view text, std::span<const engine::Media> media);
  // Appends vectors in the place of tokens: [n x ModelFacts::n_embd_inp] numbers. Such a conversation cannot be decoded
  // again from its tokens: what needs that (rewind on a model that cannot forget, re-prefill) throws
  // Error{unsupported}.
  void prompt_embeddings(std::span<const float> vectors);
  // Appends, and keeps the logits after every one of these tokens. They must fit one batch (where layers have a window,
  // one micro-batch), and the rows that the instance was planned with (plan::Request outputs): else Error{usage}.
  void prompt_all_logits(std::span<const engine::Token> tokens);
  // Makes the conversation consist of these tokens. What is in memory stays as far as it agrees; at least the last
  // token is decoded (again), so that logits come of it. Answers how many need not be decoded. Throws as prompt() does.
  std::size_t replace(std::span<const engine::Token> tokens);

  // The same of a prompt in pieces, media among them: see prompt(text, media). Vectors cannot be compared: the caller
  // says how many of the cells at the beginning are those of this prompt. Of a medium that is not whole among them, and
  // of one that the prompt ends with, nothing stays.
  std::size_t replace(std::span<const engine::PromptChunk> chunks, std::size_t same);

  // Decodes until nothing of this conversation waits; others that wait move on, too. After each batch, on the decode
  // loop's thread, `progress` hears how many still wait. Answers as BatchedExecutor::infer(), at the first not ok.
  [[nodiscard]] engine::DecodeStatus infer(std::stop_token stop = {},
                                           const std::function<void(std::size_t waiting)>& progress = {});

  [[nodiscard]] bool requires_inference() const;  // tokens wait to be decoded
  [[nodiscard]] bool has_logits() const;          // everything is decoded, and logits() has what came of it
  [[nodiscard]] std::size_t waiting() const;      // how many tokens wait

  // [n_vocab] after the last token; after the one `back` before it where prompt_all_logits() was used. Valid until the
  // next call that changes this conversation. Throws Error{usage} where there are none.
  [[nodiscard]] std::span<const float> logits(std::size_t back = 0);
  // Chooses from them; the token is not appended.
  [[nodiscard]] engine::Token sample(engine::Sampler& sampler, std::size_t back = 0);

  // Everything appended, in memory or waiting; LLAMA_TOKEN_NULL where a vector stands. A copy: another conversation's
  // infer() on another thread may move this one on, and where it fails take vectors back that cannot be decoded again.
  [[nodiscard]] std::vector<engine::Token> tokens() const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t capacity() const;            // tokens that fit at all: ContextFacts::n_ctx_seq
  [[nodiscard]] engine::Position next_position() const;  // where the next token goes
  [[nodiscard]] std::size_t room() const;                // tokens that still fit
  [[nodiscard]] engine::SequenceId id() const;

  // How much of each planned adapter is in what this conversation computes, in the plan's order, whatever others have;
  // none: as the instance says. Conversations with different scales are decoded in batches of their own, in turns. What
  // was computed with others waits to be computed again. Throws Error: usage (another number of scales; while this one
  // is being decoded; an encoder-decoder model's prompt is there already), unsupported (vectors are in it).
  void set_adapter_scales(std::span<const float> scales);
  [[nodiscard]] engine::AdapterScales adapter_scales() const;  // its own; empty: the instance's

  // Of the tokens of prompts that a batch has, beside other conversations' prompts; above 0, 1 from the beginning.
  void set_weight(double weight);

  // A second conversation with the same past: memory is shared where the context is unified, copied by the engine
  // where it is not. Waiting tokens and logits are copied. Throws Error{busy} where no sequence is free.
  [[nodiscard]] Conversation fork() const;
  static constexpr std::size_t kAllTokens = std::numeric_limits<std::size_t>::max();
  // Becomes such a second one of another conversation of the same executor, in the place of what it holds. `most`: of
  // no more than its first so many tokens, where the model's memory can forget the others. Throws Error{usage} for one
  // of another executor, and while this one is being decoded.
  void copy_from(const Conversation& other, std::size_t most = kAllTokens);
  // Takes back the last n tokens. Where the model's memory cannot forget its tail (recurrent; a sliding window that has
  // moved on), all the rest waits to be decoded again. Throws Error{usage} where there are fewer.
  void rewind(std::size_t n);
  // Makes the last token wait again, so that the next infer() gives the logits after it: after load(), after rewind().
  void refresh();
  // Forgets `count` tokens after the first `keep`; those behind move up. Their memory still knows of what was forgotten
  // (that is what makes it cheap); reprefill_without() decodes them again instead. False, and nothing changed: this
  // model's memory cannot do that.
  [[nodiscard]] bool shift_left(std::size_t count, std::size_t keep);
  // The same tokens remain, all of them waiting to be decoded again from position 0.
  void reprefill_without(std::size_t count, std::size_t keep);
  // Positions by hand: see MemoryEdit. Throws Error{usage} while tokens wait. The conversation itself is not asked
  // inside `edit`: it would wait for itself.
  class MemoryEdit;
  void modify(const std::function<void(MemoryEdit&)>& edit);
  void clear();

  // A copy on the host: tokens, positions and memory; waiting tokens are part of it, logits are not.
  // Throws Error{engine_failed}.
  [[nodiscard]] SequenceSnapshot save() const;
  // How large the memory of that copy would be. Throws likewise.
  [[nodiscard]] Bytes size_when_saved() const;

  [[nodiscard]] Instance& instance() const;
  // Of its model, wherever that computes.
  [[nodiscard]] const std::string& model_name() const;
  [[nodiscard]] const engine::ModelFacts& model_facts() const;
  [[nodiscard]] const engine::Model& vocabulary() const;  // it, or as much of it as has its vocabulary
  [[nodiscard]] engine::Vocab vocab() const { return vocabulary().vocab(); }
  [[nodiscard]] std::string fingerprint() const;  // see fingerprint_of()

  [[nodiscard]] HeldSequence& sequence() const noexcept { return *sequence_; }
  [[nodiscard]] LocalSequence& local() const;  // throws Error{unsupported}

 private:
  std::unique_ptr<HeldSequence> sequence_;  // null: moved from
};

// The accessor that modify() lends: half-open ranges of positions, -1 is open. Valid inside the call only.
class Conversation::MemoryEdit {
 public:
  [[nodiscard]] engine::Position end() const;
  // False: this model's memory cannot forget a part.
  [[nodiscard]] bool remove(engine::Position from, engine::Position to);
  void add(engine::Position from, engine::Position to, engine::Position by);  // throws Error{unsupported}
  void divide(engine::Position from, engine::Position to, int by);            // throws Error{unsupported}

 private:
  friend class LocalSequence;
  MemoryEdit(SequenceSchedule& schedule, Sequence& sequence) : schedule_(schedule), sequence_(sequence) {}
  SequenceSchedule& schedule_;
  Sequence& sequence_;
};

}  // namespace plimsoll::run
