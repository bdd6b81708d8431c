#include "warm_up_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/clock.hpp"

namespace plimsoll::run {
namespace {

// Up to here GPU backends have kernels of their own for each number of tokens (matrix times few vectors).
constexpr std::uint32_t kSmallBatches = 8;

// What the small and the medium kernels of a matrix product take at most; the large ones take the rest (ggml 0.27,
// Vulkan: tiles of 32, 64 and 128 columns).
constexpr std::array<std::uint32_t, 2> kLargestOfATile{32, 64};
constexpr std::uint32_t kLongPrompt = 128;

}  // namespace

Shapes::Shapes(WarmUpTarget& target, std::uint32_t outputs, std::stop_token stop)
    : target_(target), outputs_(std::max(1U, outputs)), stop_(std::move(stop)) {}

void Shapes::clear() { target_.clear(); }

// Different tokens, so that a mixture of experts is asked for more than one of them.
std::int32_t Shapes::some_token() {
  next_token_ = (next_token_ + 7919) % target_.facts().n_vocab;
  return static_cast<std::int32_t>(next_token_);
}

// Batches larger than the engine's own are cut into calls, as a prompt would be.
void Shapes::decode(std::uint32_t tokens, std::uint32_t outputs) {
  const WarmUpFacts& facts = target_.facts();
  std::int32_t at = target_.last_position(0) + 1;
  for (std::uint32_t left = tokens; left > 0;) {
    const std::uint32_t now = std::min(left, facts.n_batch);
    std::vector<WarmUpToken> batch;
    for (std::uint32_t i = 0; i < now; ++i) {
      batch.push_back({some_token(), at + static_cast<std::int32_t>(i), 0, left - i <= outputs || left == i + 1});
    }
    target_.decode(batch, stop_);
    at += static_cast<std::int32_t>(now);
    left -= now;
  }
  target_.synchronize();
}

void Shapes::decode_from_empty(std::uint32_t tokens, std::uint32_t outputs) {
  target_.clear();
  decode(tokens, outputs);
}

void Shapes::encode(std::uint32_t tokens) {
  std::vector<WarmUpToken> batch;
  for (std::uint32_t i = 0; i < tokens; ++i) batch.push_back({some_token(), static_cast<std::int32_t>(i), 0, false});
  target_.encode(batch);
  target_.synchronize();
}

// Makes room at the end of a full sequence, then fills it again.
void Shapes::decode_at_end(std::uint32_t tokens) {
  const std::int32_t end = target_.last_position(0) + 1;
  const auto count = static_cast<std::int32_t>(tokens);
  if (!target_.remove(0, end - count, -1)) return;
  decode(tokens, 1);
}

void Shapes::all_sequences(std::uint32_t tokens_each) {
  target_.clear();
  const std::uint32_t sequences = target_.facts().n_seq_max;
  std::vector<WarmUpToken> batch;
  for (std::uint32_t sequence = 0; sequence < sequences; ++sequence) {
    for (std::uint32_t i = 0; i < tokens_each; ++i) {
      batch.push_back(
          {some_token(), static_cast<std::int32_t>(i), static_cast<std::int32_t>(sequence), i + 1 == tokens_each});
    }
  }
  target_.decode(batch, stop_);
  target_.synchronize();
}

void Shapes::shift() {
  decode_from_empty(std::min(32U, target_.facts().n_ctx_seq / 2), 1);
  const std::int32_t end = target_.last_position(0) + 1;
  if (!target_.remove(0, 4, 12)) return;
  target_.shift(0, 12, end, -8);
  decode(1, 1);  // the memory is really moved with the next batch
}

void Shapes::copy_and_remove() {
  decode_from_empty(std::min(16U, target_.facts().n_ctx_seq / 2), 1);
  target_.copy(0, 1);
  std::vector<WarmUpToken> batch;
  batch.push_back({some_token(), target_.last_position(1) + 1, 1, true});
  target_.decode(batch, stop_);
  target_.synchronize();
  (void)target_.remove(1, -1, -1);
}

void Shapes::save_and_restore() {
  decode_from_empty(std::min(16U, target_.facts().n_ctx_seq / 2), 1);
  target_.save_and_restore(0);
  decode(1, 1);
}

void Shapes::sample() {
  decode_from_empty(1, 1);
  target_.sample();
}

std::vector<std::uint32_t> Shapes::sizes(WarmUpDepth depth, bool accelerated) const {
  const WarmUpFacts& facts = target_.facts();
  const std::uint32_t largest = std::min(facts.n_ubatch, facts.n_ctx_seq);
  if (!accelerated || depth == WarmUpDepth::quick) return largest > 1 ? std::vector{1U, largest} : std::vector{1U};
  std::vector<std::uint32_t> sizes;
  for (std::uint32_t tokens = 1; tokens <= std::min(kSmallBatches, largest); ++tokens) sizes.push_back(tokens);
  if (depth == WarmUpDepth::automatic) {
    for (const std::uint32_t tokens : kLargestOfATile) {
      if (tokens < largest) sizes.push_back(tokens);
    }
    if (largest > kSmallBatches) sizes.push_back(largest);
    return sizes;
  }
  // One below a power of two is a size that no tile divides; the power itself is one that they do.
  for (std::uint32_t tokens = 2 * kSmallBatches; tokens <= largest; tokens *= 2) {
    sizes.push_back(tokens - 1);
    sizes.push_back(tokens);
  }
  if (!std::ranges::contains(sizes, largest)) sizes.push_back(largest);
  return sizes;
}

// The CPU's one work buffer is as large as the largest graph needs it, and the engine makes room for rows of logits
// before it computes.
std::vector<Step> Shapes::on_the_host_again() {
  const WarmUpFacts& facts = target_.facts();
  const std::uint32_t outputs = std::min({outputs_, facts.n_batch, facts.n_ctx_seq});
  const std::uint32_t tokens = std::max(std::min(facts.n_ubatch, facts.n_ctx_seq), outputs);
  return {{fmt::format("the first layers of {} tokens", tokens), [=, this] { begin_to_decode(tokens, outputs); }},
          {"sample", [this] { sample(); }}};
}

void Shapes::begin_to_decode(std::uint32_t tokens, std::uint32_t outputs) {
  target_.clear();
  std::vector<WarmUpToken> batch;
  for (std::uint32_t i = 0; i < tokens; ++i)
    batch.push_back({some_token(), static_cast<std::int32_t>(i), 0, tokens - i <= outputs});
  target_.begin_to_decode(batch);
  target_.clear();
}

std::vector<Step> Shapes::shallow(WarmUpDepth depth, bool accelerated) {
  const WarmUpFacts& facts = target_.facts();
  if (depth == WarmUpDepth::automatic && !accelerated && facts.nodes_of_first_layers > 0 && !facts.embeddings &&
      !facts.has_encoder)
    return on_the_host_again();
  std::vector<Step> steps;
  if (facts.has_encoder && facts.has_decoder) {
    for (const std::uint32_t tokens : sizes(depth, accelerated)) {
      steps.push_back({fmt::format("encoding {}", tokens), [this, tokens] { encode(tokens); }});
    }
  }
  for (const std::uint32_t tokens : sizes(depth, accelerated)) {
    steps.push_back({.name = fmt::format("{} token{}", tokens, tokens == 1 ? "" : "s"),
                     .run = [this, tokens] { decode_from_empty(tokens, 1); },
                     .is_long = tokens >= kLongPrompt});
  }
  const std::uint32_t batch = std::min(facts.n_batch, facts.n_ctx_seq);
  if (accelerated && depth == WarmUpDepth::full && batch > facts.n_ubatch && facts.has_memory) {
    steps.push_back({fmt::format("{} tokens in micro-batches of {}", batch, facts.n_ubatch),
                     [this, batch] { decode_from_empty(batch, 1); }});
  }
  const std::uint32_t outputs = std::min(outputs_, batch);
  // Of the last layer's rows only those that are asked for go on. Where the matrices after that are of a type of their
  // own, or on a device of their own, their kernels for few rows are met only so. Embeddings ask for every row anyway.
  if (accelerated && !facts.embeddings) {
    for (const std::uint32_t rows : sizes(depth, accelerated)) {
      if (rows > 1 && rows < outputs)
        steps.push_back(
            {fmt::format("{} tokens, as many outputs", rows), [this, rows] { decode_from_empty(rows, rows); }});
    }
  }
  if (outputs > facts.n_seq_max) {
    steps.push_back({fmt::format("{} outputs", outputs), [this, outputs] { decode_from_empty(outputs, outputs); }});
  }
  if (facts.n_seq_max > 1 && facts.n_seq_max <= facts.n_batch) {
    steps.push_back({fmt::format("{} sequences", facts.n_seq_max), [this] { all_sequences(1); }});
    if (2 * facts.n_seq_max <= facts.n_batch)
      steps.push_back({fmt::format("{} sequences of 2", facts.n_seq_max), [this] { all_sequences(2); }});
  }
  if (facts.embeddings) {
    const std::uint32_t each = std::min(facts.n_ubatch, facts.n_ctx) / facts.n_seq_max;
    if (facts.n_seq_max > 1 && each > 2)
      steps.push_back(
          {fmt::format("{} sequences of {}", facts.n_seq_max, each), [this, each] { all_sequences(each); }});
    return steps;  // nothing is sampled, shifted or kept between calls
  }
  if (!facts.has_memory) return steps;
  if (facts.can_shift && facts.n_ctx_seq >= 32) steps.push_back({"shift", [this] { shift(); }});
  if (facts.n_seq_max > 1) steps.push_back({"copy and remove", [this] { copy_and_remove(); }});
  steps.push_back({"save and restore", [this] { save_and_restore(); }});
  steps.push_back({"sample", [this] { sample(); }});
  return steps;
}

Step Shapes::small_request() {
  return {"settling", [this] {
            decode_from_empty(std::min(16U, target_.facts().n_ctx_seq / 2), 1);
            for (int i = 0; i < 4; ++i) {
              target_.sample();
              decode(1, 1);
            }
          }};
}

bool Shapes::fill(std::chrono::milliseconds limit) {
  const Stopwatch watch;
  target_.clear();
  const std::uint32_t end = target_.facts().n_ctx_seq;
  for (std::uint32_t at = 0; at < end;) {
    if (watch.elapsed_ms() > static_cast<double>(limit.count())) return false;
    const std::uint32_t now = std::min(end - at, target_.facts().n_ubatch);
    decode(now, 1);
    at += now;
  }
  return true;
}

std::vector<Step> Shapes::deep(WarmUpDepth depth) {
  std::vector<Step> steps;
  // Memory that cannot forget its tail is of one size at every depth: nothing is to be seen there.
  const std::int32_t end = target_.last_position(0) + 1;
  if (end < 2 || !target_.remove(0, end - 1, -1)) return steps;
  decode(1, 1);
  for (const std::uint32_t tokens : sizes(depth, true)) {
    if (std::cmp_greater(tokens, end - 1)) break;
    steps.push_back({.name = fmt::format("{} token{} at depth {}", tokens, tokens == 1 ? "" : "s", end),
                     .run = [this, tokens] { decode_at_end(tokens); },
                     .is_long = tokens >= kLongPrompt});
  }
  return steps;
}

}  // namespace plimsoll::run
