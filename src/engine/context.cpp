#include "engine/context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <optional>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "engine/engine_log.hpp"

namespace plimsoll::engine {

std::string_view to_string(DecodeStatus status) noexcept {
  switch (status) {
    case DecodeStatus::ok:
      return "ok";
    case DecodeStatus::no_kv_slot:
      return "no_kv_slot";
    case DecodeStatus::aborted:
      return "aborted";
    case DecodeStatus::out_of_memory:
      return "out_of_memory";
    case DecodeStatus::failed:
      return "failed";
  }
  return "failed";
}

Context::~Context() {
  if (context_ != nullptr) llama_free(context_);
}

bool Context::should_abort(void* self) noexcept {
  auto& context = *static_cast<Context*>(self);
  if (context.nodes_left_.load(std::memory_order_relaxed) > 0) return context.nodes_left_.fetch_sub(1) == 1;
  const std::stop_token* stop = context.stop_.load(std::memory_order_acquire);
  return stop != nullptr && stop->stop_requested();
}

namespace {

DecodeStatus status_of(std::int32_t code) {
  switch (code) {
    case 0:
      return DecodeStatus::ok;
    case 1:
      return DecodeStatus::no_kv_slot;
    case 2:
      return DecodeStatus::aborted;
    case -2:
      return DecodeStatus::out_of_memory;
    default:
      return DecodeStatus::failed;
  }
}

}  // namespace

void Context::validate_batch(const Batch& batch) const {
  if (batch.empty()) throw Error(ErrorCode::usage, "an empty batch cannot be decoded");
  if (std::cmp_greater(batch.size(), facts_.n_batch)) {
    throw Error(ErrorCode::usage, fmt::format("a batch of {} tokens is larger than this context takes ({})",
                                              batch.size(), facts_.n_batch));
  }
  const ModelFacts& model = model_->facts();
  if (batch.has_embeddings() && std::cmp_not_equal(batch.embedding_size(), model.n_embd_inp)) {
    throw Error(ErrorCode::usage,
                fmt::format("vectors of {} numbers cannot stand for tokens of this model, whose are {}",
                            batch.embedding_size(), model.n_embd_inp));
  }
  if (batch.has_embeddings() && batch.has_2d_positions() != model.has_2d_positions) {
    throw Error(ErrorCode::usage, fmt::format("a vector's position has {} with this model",
                                              model.has_2d_positions ? "several dimensions" : "one dimension"));
  }
  if (batch.sees_all() && std::cmp_greater(batch.size(), facts_.n_ubatch)) {
    throw Error(ErrorCode::usage,
                fmt::format("{} vectors that see each other must fit one micro-batch, which has {}; give it "
                            "n_ubatch {}",
                            batch.size(), facts_.n_ubatch, batch.size()),
                {{"needed", static_cast<std::uint64_t>(batch.size())}, {"available", facts_.n_ubatch}});
  }
  const std::int32_t n_vocab = model.n_vocab;
  for (std::int32_t i = 0; i < batch.size(); ++i) {
    if (!batch.has_embeddings() && (batch.token(i) < 0 || batch.token(i) >= n_vocab)) {
      throw Error(ErrorCode::usage, fmt::format("unknown token {}: this model has {}", batch.token(i), n_vocab));
    }
    require_sequence(batch.sequence(i));
    if (batch.position(i) < 0)
      throw Error(ErrorCode::usage, fmt::format("{} is not a position of a token", batch.position(i)));
  }
  // Embeddings are read from every token, and what is encoded has a row for each. The engine ends the process where a
  // call asks for more than it was told of.
  const bool every_token = params_.embeddings || !facts_.has_memory;
  const std::int32_t outputs = every_token ? batch.size() : batch.outputs();
  if (std::cmp_greater(outputs, facts_.n_outputs_max)) {
    throw Error(ErrorCode::usage,
                fmt::format("a batch that asks for {} rows of logits is more than this context holds ({})", outputs,
                            facts_.n_outputs_max));
  }
}

void Context::require_sequence(SequenceId sequence) const {
  if (sequence >= 0 && std::cmp_less(sequence, facts_.n_seq_max)) return;
  throw Error(ErrorCode::usage, fmt::format("there is no sequence {} in a context of {}", sequence, facts_.n_seq_max));
}

namespace {

// The engine's attention is a setting of the context, not of the batch.
class SeesAll {
 public:
  SeesAll(llama_context* context, bool sees_all) : context_(sees_all ? context : nullptr) {
    if (context_ != nullptr) llama_set_causal_attn(context_, false);
  }
  ~SeesAll() {
    if (context_ != nullptr) llama_set_causal_attn(context_, true);
  }
  SeesAll(const SeesAll&) = delete;
  SeesAll& operator=(const SeesAll&) = delete;

 private:
  llama_context* context_;
};

// Whose stop the engine looks at between its nodes, for as long as this lives.
class StopLent {
 public:
  StopLent(std::atomic<const std::stop_token*>& place, const std::stop_token& stop) : place_(place) {
    place_.store(&stop, std::memory_order_release);
  }
  ~StopLent() { place_.store(nullptr, std::memory_order_release); }
  StopLent(const StopLent&) = delete;
  StopLent& operator=(const StopLent&) = delete;

 private:
  std::atomic<const std::stop_token*>& place_;
};

// After so many nodes the engine is stopped, for as long as this lives.
class NodesLimited {
 public:
  NodesLimited(std::atomic<int>& left, int nodes) : left_(left) {
    left_.store(std::max(1, nodes), std::memory_order_relaxed);
  }
  ~NodesLimited() { left_.store(0, std::memory_order_relaxed); }
  NodesLimited(const NodesLimited&) = delete;
  NodesLimited& operator=(const NodesLimited&) = delete;

 private:
  std::atomic<int>& left_;
};

}  // namespace

// The engine is C to its callers, but throws through it: where the host has no memory left, where a backend lost its
// device. What is in memory then is as unknown as after a status that says so.
DecodeStatus Context::computed(std::int32_t (*work)(llama_context*, llama_batch), llama_batch batch) {
  try {
    return status_of(work(context_, batch));
  } catch (const std::bad_alloc&) {
    return DecodeStatus::out_of_memory;
  } catch (const std::exception& error) {
    log::error("engine", "the engine broke off: {}", error.what());
    broke_off_ = true;
    return DecodeStatus::failed;
  }
}

DecodeStatus Context::decode(const Batch& batch, std::stop_token stop) {
  validate_batch(batch);
  const SeesAll attention(context_, batch.sees_all() && facts_.is_causal);
  const EngineLogListener heard;  // failures come back as a status; the engine's words go to the debug log
  if (!model_->facts().has_decoder || !facts_.has_memory) return encode(batch);
  if (!stop.stop_possible()) return decode_view(batch.view());

  // Between calls a device can be stopped, inside one only the CPU can: with a stop wanted, one micro-batch at a time.
  // A batch with several outputs stays whole, since the logits of its pieces would replace one another.
  if (stop.stop_requested()) return DecodeStatus::aborted;
  const auto piece = batch.outputs() <= 1 ? static_cast<std::int32_t>(facts_.n_ubatch) : batch.size();
  std::optional<StopLent> lent;
  if (can_stop_inside()) lent.emplace(stop_, stop);
  DecodeStatus status = DecodeStatus::ok;
  for (std::int32_t from = 0; from < batch.size() && status == DecodeStatus::ok; from += piece) {
    if (stop.stop_requested())
      status = DecodeStatus::aborted;
    else
      status = decode_view(batch.view(from, std::min(piece, batch.size() - from)));
  }
  return status;
}

DecodeStatus Context::decode_view(llama_batch batch) {
  const DecodeStatus status = computed(llama_decode, batch);
  if (status == DecodeStatus::ok) pending_moves_ = false;
  if (!model_->looks_intact()) model_->require_intact();
  return status;
}

DecodeStatus Context::decode_beginning(const Batch& batch, int nodes) {
  validate_batch(batch);
  if (!can_stop_inside()) throw Error(ErrorCode::usage, "a decode of this model cannot be stopped inside");
  const EngineLogListener heard;
  const NodesLimited limited(nodes_left_, nodes);
  return decode_view(batch.view());
}

// Recurrent state has been moved on by half a micro-batch when that is aborted, and its position does not tell. An
// encoder asks nobody.
bool Context::can_stop_inside() const {
  const ModelFacts& model = model_->facts();
  return model.has_decoder && facts_.has_memory && !model.is_recurrent && !model.is_hybrid;
}

DecodeStatus Context::encode(const Batch& batch) {
  validate_batch(batch);
  if (std::cmp_greater(batch.size(), facts_.n_ubatch)) {
    throw Error(
        ErrorCode::usage,
        fmt::format("an encoder sees all tokens at once, so a batch of {} needs a micro-batch that large, not {}",
                    batch.size(), facts_.n_ubatch));
  }
  const EngineLogListener heard;
  const DecodeStatus status = computed(llama_encode, batch.view());
  model_->require_intact();
  return status;
}

void Context::synchronize() { llama_synchronize(context_); }

DecodeStatus Context::wait() {
  const auto synchronized = [](llama_context* context, llama_batch) {
    llama_synchronize(context);
    return 0;
  };
  return computed(synchronized, {});
}

std::span<const float> Context::logits(std::int32_t index) const {
  const EngineLogListener heard;
  const float* row = llama_get_logits_ith(context_, index);
  if (row == nullptr)
    throw Error(ErrorCode::usage, fmt::format("token {} of the last batch asked for no logits", index));
  return {row, static_cast<std::size_t>(model_->facts().n_vocab)};
}

void Context::clear() {
  if (facts_.has_memory) llama_memory_clear(llama_get_memory(context_), false);
  pending_moves_ = false;
}

bool Context::remove(SequenceId sequence, Position from, Position to) {
  require_sequence(sequence);
  return !facts_.has_memory || llama_memory_seq_rm(llama_get_memory(context_), sequence, from, to);
}

void Context::copy(SequenceId from_sequence, SequenceId to_sequence) {
  require_sequence(from_sequence);
  require_sequence(to_sequence);
  if (!facts_.has_memory || from_sequence == to_sequence) return;
  llama_memory_t memory = llama_get_memory(context_);
  (void)llama_memory_seq_rm(memory, to_sequence, -1, -1);
  llama_memory_seq_cp(memory, from_sequence, to_sequence, -1, -1);
  if (!facts_.kv_unified) pending_moves_ = true;
}

void Context::forbid_shift() noexcept { facts_.can_shift = false; }

void Context::require_shift() const {
  if (facts_.can_shift) return;
  if (!facts_.has_memory || !llama_memory_can_shift(llama_get_memory(context_)))
    throw Error(ErrorCode::unsupported, "this model's memory cannot be shifted");
  throw Error(
      ErrorCode::unsupported,
      "shifting this context's memory takes more compute buffers than were planned; plan it with context_shift");
}

void Context::shift(SequenceId sequence, Position from, Position to, Position by) {
  require_sequence(sequence);
  require_shift();
  llama_memory_seq_add(llama_get_memory(context_), sequence, from, to, by);
  pending_moves_ = true;
}

void Context::divide(SequenceId sequence, Position from, Position to, int by) {
  require_sequence(sequence);
  if (by < 2) throw Error(ErrorCode::usage, fmt::format("positions cannot be divided by {}", by));
  require_shift();
  llama_memory_seq_div(llama_get_memory(context_), sequence, from, to, by);
  pending_moves_ = true;
}

Position Context::last_position(SequenceId sequence) const {
  require_sequence(sequence);
  return facts_.has_memory ? llama_memory_seq_pos_max(llama_get_memory(context_), sequence) : -1;
}

Position Context::first_position(SequenceId sequence) const {
  require_sequence(sequence);
  return facts_.has_memory ? llama_memory_seq_pos_min(llama_get_memory(context_), sequence) : -1;
}

void Context::set_adapters(const std::vector<std::pair<std::shared_ptr<Adapter>, float>>& adapters) {
  std::vector<llama_adapter_lora*> handles;
  std::vector<float> scales;
  std::vector<std::shared_ptr<Adapter>> kept;
  for (const auto& [adapter, scale] : adapters) {
    handles.push_back(adapter->handle());
    scales.push_back(scale);
    kept.push_back(adapter);
  }
  if (llama_set_adapters_lora(context_, handles.data(), handles.size(), scales.data()) != 0) {
    throw Error(ErrorCode::engine_failed, "the engine did not take these adapters");
  }
  adapters_ = std::move(kept);
}

void Context::set_control_vector(const ControlVector& vector) {
  const ModelFacts& facts = model_->facts();
  const auto expected = static_cast<std::size_t>(facts.n_embd) * static_cast<std::size_t>(facts.n_layer - 1);
  if (vector.n_embd != facts.n_embd || vector.directions.size() != expected)
    throw Error(ErrorCode::usage, "this control vector was made for a model of another width or depth");
  if (llama_set_adapter_cvec(context_, vector.directions.data(), vector.directions.size(), vector.n_embd,
                             vector.first_layer, vector.last_layer) != 0) {
    throw Error(ErrorCode::out_of_device_memory, "the engine could not allocate for the control vector");
  }
}

GraphCounts Context::graph_counts() const {
  const llama_perf_context_data data = llama_perf_context(context_);
  return {.reused = data.n_reused, .reallocations = data.n_reallocs_same + data.n_reallocs_diff};
}

std::span<const float> Context::embeddings(std::int32_t index) const {
  if (!params_.embeddings || facts_.pooling != Pooling::none) {
    throw Error(ErrorCode::usage, params_.embeddings ? "this context gives one vector for each sequence, not each token"
                                                     : "this context was not made for embeddings");
  }
  const EngineLogListener heard;
  const float* row = llama_get_embeddings_ith(context_, index);
  if (row == nullptr) throw Error(ErrorCode::usage, fmt::format("token {} of the last batch has no embedding", index));
  return {row, static_cast<std::size_t>(model_->facts().n_embd_out)};
}

std::span<const float> Context::sequence_embeddings(SequenceId sequence) const {
  require_sequence(sequence);
  if (facts_.pooling == Pooling::none) {
    throw Error(ErrorCode::usage, params_.embeddings ? "this context gives a vector for each token, not each sequence"
                                                     : "this context was not made for embeddings");
  }
  const EngineLogListener heard;
  const float* row = llama_get_embeddings_seq(context_, sequence);
  if (row == nullptr) throw Error(ErrorCode::usage, fmt::format("sequence {} was not in the last batch", sequence));
  const bool rank = facts_.pooling == Pooling::rank;
  return {row, static_cast<std::size_t>(rank ? model_->facts().n_cls_out : model_->facts().n_embd_out)};
}

}  // namespace plimsoll::engine
