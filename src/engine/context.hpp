// Context: a model at work: KV cache, compute and output buffers, and decoding into them.
#pragma once
#include <llama.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <plimsoll/engine/params.hpp>
#include "engine/adapter.hpp"
#include "engine/batch.hpp"
#include "engine/control_vector.hpp"
#include "engine/facts.hpp"
#include "engine/model.hpp"

namespace plimsoll::engine {

using Position = llama_pos;
using SequenceId = llama_seq_id;

// An answer, not a failure: the device or the memory said no, or the caller stopped it.
enum class DecodeStatus {
  ok,
  no_kv_slot,     // nothing changed; smaller batch or more context needed
  aborted,        // whole micro-batches before the stop remain in memory
  out_of_memory,  // an allocation was refused during the call
  failed,
};
[[nodiscard]] std::string_view to_string(DecodeStatus status) noexcept;

struct GraphCounts {
  std::int32_t reused = 0;
  std::int32_t reallocations = 0;
};

// One thread at a time. Keeps its model alive.
class Context {
 public:
  // Validates the parameters against the model before the engine sees them. Throws Error: usage, unsupported
  // (a KV type or an embedding mode this model cannot have), out_of_device_memory, engine_failed.
  [[nodiscard]] static std::unique_ptr<Context> create(std::shared_ptr<Model> model, const ContextParams& params);

  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] const ContextFacts& facts() const noexcept { return facts_; }
  [[nodiscard]] const ContextParams& params() const noexcept { return params_; }
  [[nodiscard]] const std::shared_ptr<Model>& model() const noexcept { return model_; }

  // Decodes, or encodes where the model only encodes. After `aborted`, every sequence can be gone on with exactly from
  // its last_position() + 1: `stop` is honoured between CPU nodes and, on a device, between micro-batches; recurrent
  // and hybrid models are stopped between micro-batches only, since half of one would spoil their state. A batch that
  // asks for more than n_batch tokens or more outputs than allowed throws Error{usage}. What the engine throws is
  // `out_of_memory`, or `failed` and broke_off().
  [[nodiscard]] DecodeStatus decode(const Batch& batch, std::stop_token stop = {});
  // Sets a decode going and stops it after that many nodes of its graph: a backend holds then what it would hold for
  // all of them, for a part of the time. Afterwards the memory is to be cleared. `ok` where the graph ended before.
  // Throws Error{usage} where can_stop_inside() is false.
  [[nodiscard]] DecodeStatus decode_beginning(const Batch& batch, int nodes);
  // Whether a decode can be stopped between two nodes of its graph, and the memory be gone on with. Nodes that a device
  // computes are not asked.
  [[nodiscard]] bool can_stop_inside() const;
  // The encoder's half of an encoder-decoder model: the prompt, once, before decoding from the decoder's start token.
  [[nodiscard]] DecodeStatus encode(const Batch& batch);
  // The engine threw something else than a want of memory out of a decode or encode: a backend has lost its device, and
  // nothing here can be relied on any more.
  [[nodiscard]] bool broke_off() const noexcept { return broke_off_; }
  void synchronize();
  // The same, with what a backend throws as a status, as decode() gives it.
  [[nodiscard]] DecodeStatus wait();

  // [n_vocab], of the i-th token of the last batch (negative: from its end). Valid until the next decode.
  // Throws Error{usage} where that token asked for no output.
  [[nodiscard]] std::span<const float> logits(std::int32_t index) const;

  // Sequence memory. Positions are half-open ranges [from, to); -1 means open. A sequence that this context does not
  // have throws Error{usage}.
  void clear();
  [[nodiscard]] bool remove(SequenceId sequence, Position from, Position to);  // false: this model cannot remove a part
  void copy(SequenceId from_sequence, SequenceId to_sequence);                 // replaces to_sequence
  void shift(SequenceId sequence, Position from, Position to, Position by);    // throws Error{unsupported}
  // The engine notes copies between caches and shifts, and moves the memory with the next decode. Until then a saved
  // state would be wrong, and a restored one would be overwritten: SequenceState throws Error{usage}.
  [[nodiscard]] bool has_pending_moves() const noexcept { return pending_moves_; }
  // Positions become a `by`-th of what they were (self-extend). Throws Error{unsupported} where shift() would.
  void divide(SequenceId sequence, Position from, Position to, int by);
  [[nodiscard]] bool can_shift() const noexcept { return facts_.can_shift; }
  // From now on can_shift() is false: the graph that moves positions would take more than was planned.
  void forbid_shift() noexcept;
  [[nodiscard]] Position last_position(SequenceId sequence) const;  // -1: empty
  [[nodiscard]] Position first_position(SequenceId sequence) const;

  void set_adapters(const std::vector<std::pair<std::shared_ptr<Adapter>, float>>& adapters);
  // Those that were set last, whatever their scales.
  [[nodiscard]] const std::vector<std::shared_ptr<Adapter>>& adapters() const noexcept { return adapters_; }
  // The first one makes the engine allocate for all layers; after it, setting another takes nothing. Throws
  // Error: usage (made for a model of another width or depth), out_of_device_memory.
  void set_control_vector(const ControlVector& vector);
  void require_sequence(SequenceId sequence) const;  // throws Error{usage} where there is none of that number
  [[nodiscard]] GraphCounts graph_counts() const;
  [[nodiscard]] llama_context* handle() const noexcept { return context_; }

  // [n_embd_out], of the index-th token of the last batch; only with pooling none. Valid until the next decode.
  // Throws Error{usage}: the context was not made for embeddings, or pools them, or that token has none.
  [[nodiscard]] std::span<const float> embeddings(std::int32_t index) const;
  // [n_embd_out], or [n_cls_out] with pooling rank: of a sequence that was in the last batch. Valid until the next
  // decode. Throws Error{usage} likewise.
  [[nodiscard]] std::span<const float> sequence_embeddings(SequenceId sequence) const;

 private:
  Context() = default;
  void validate_batch(const Batch& batch) const;
  void require_shift() const;
  [[nodiscard]] DecodeStatus decode_view(llama_batch batch);
  [[nodiscard]] DecodeStatus computed(std::int32_t (*work)(llama_context*, llama_batch), llama_batch batch);
  static bool should_abort(void* self) noexcept;

  std::shared_ptr<Model> model_;
  llama_context* context_ = nullptr;
  ContextParams params_;
  ContextFacts facts_;
  std::vector<std::shared_ptr<Adapter>> adapters_;  // kept alive while set
  std::atomic<const std::stop_token*> stop_{nullptr};
  std::atomic<int> nodes_left_{0};  // of a beginning; 0: there is no such limit
  bool pending_moves_ = false;
  bool broke_off_ = false;
};

// The parameters that the engine gets for this model: n_ctx resolved (see ContextParams::n_ctx), threads filled in.
[[nodiscard]] llama_context_params to_engine(const ContextParams& params, const ModelFacts& model);

}  // namespace plimsoll::engine
