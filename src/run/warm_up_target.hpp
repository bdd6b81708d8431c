// WarmUpTarget: a context as a warm-up drives it. Ours is an engine::Context; the guard's is one that a program made
// with whatever engine it has.
#pragma once
#include <cstdint>
#include <span>
#include <stop_token>

#include "device/meter.hpp"
#include "run/warm_up_report.hpp"

namespace plimsoll::run {

struct WarmUpFacts {
  std::uint32_t n_ctx = 0;
  std::uint32_t n_ctx_seq = 0;
  std::uint32_t n_batch = 0;
  std::uint32_t n_ubatch = 0;
  std::uint32_t n_seq_max = 0;
  std::uint32_t n_vocab = 0;
  bool has_memory = true;    // false: encoder-only models keep nothing between calls
  bool embeddings = false;   // every row goes on, and nothing is sampled, shifted or kept
  bool has_encoder = false;  // with has_decoder: a prompt is encoded before anything is decoded
  bool has_decoder = true;
  bool can_shift = false;
  // A decode can be stopped after that many nodes of its graph, which have used the CPU's work buffer as far as any do;
  // 0: it cannot.
  int nodes_of_first_layers = 0;
};

struct WarmUpToken {
  std::int32_t token = 0;
  std::int32_t position = 0;
  std::int32_t sequence = 0;
  bool output = false;
};

// One thread. Every call throws Error where the engine refuses it: out_of_device_memory or over_budget where it is
// memory that was refused, cancelled, engine_failed.
class WarmUpTarget {
 public:
  virtual ~WarmUpTarget() = default;
  [[nodiscard]] virtual const WarmUpFacts& facts() const = 0;

  // At most n_batch tokens.
  virtual void decode(std::span<const WarmUpToken> tokens, const std::stop_token& stop) = 0;
  // The encoder's half of an encoder-decoder model.
  virtual void encode(std::span<const WarmUpToken> tokens) = 0;
  // The beginning of a decode: facts().nodes_of_first_layers nodes of it. Afterwards the memory is to be cleared.
  virtual void begin_to_decode(std::span<const WarmUpToken> tokens) = 0;
  virtual void synchronize() = 0;

  // Sequence memory; positions are half-open ranges, -1 means open.
  virtual void clear() = 0;
  [[nodiscard]] virtual bool remove(std::int32_t sequence, std::int32_t from, std::int32_t to) = 0;
  virtual void copy(std::int32_t from_sequence, std::int32_t to_sequence) = 0;
  virtual void shift(std::int32_t sequence, std::int32_t from, std::int32_t to, std::int32_t by) = 0;
  [[nodiscard]] virtual std::int32_t last_position(std::int32_t sequence) const = 0;  // -1: empty
  virtual void save_and_restore(std::int32_t sequence) = 0;

  // Chooses from the logits of the last token.
  virtual void sample() = 0;
};

// Leaves the context empty. Where an accelerator computes, sweeps of a full warm-up are repeated until two in a row are
// quiet (at most 6), and it ends, as a repeated one does, with the step "settling": a small request again and again,
// until three in a row are within 15 % of the fastest before them, at most 32 times or 3 s. What a driver still does
// behind our back after it compiled (writing its pipeline cache) would otherwise slow the first request down. On the
// CPU alone one sweep is enough, since its backend holds a single work buffer that the largest graph decides; of that
// graph a repeated one computes the first layer, which touches the buffer as far as it is used. Throws Error:
// cancelled; out_of_device_memory or over_budget where a step was refused memory; engine_failed.
[[nodiscard]] WarmUpReport warm_up(WarmUpTarget& target, const device::Meter& meter, const WarmUpOptions& options);

}  // namespace plimsoll::run
