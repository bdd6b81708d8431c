#include "warm_up_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/clock.hpp"
#include "engine/sampler.hpp"
#include "engine/sequence_state.hpp"

#include "run/decode_failure.hpp"

namespace plimsoll::run {
namespace {

// Up to here GPU backends have kernels of their own for each number of tokens (matrix times few vectors).
constexpr std::uint32_t kSmallBatches = 8;

// What the small and the medium kernels of a matrix product take at most; the large ones take the rest (ggml 0.27,
// Vulkan: tiles of 32, 64 and 128 columns).
constexpr std::array<std::uint32_t, 2> kLargestOfATile{32, 64};
constexpr std::uint32_t kLongPrompt = 128;

// Nodes of a graph within which a layer has used the work buffer as far as any layer does: attention and feed-forward
// network take 14 to 22, choosing experts about as many more.
constexpr int kNodesOfALayer = 24;
constexpr int kNodesOfAMixture = 48;

// Up to the first layer of the kind that uses most.
int nodes_of_first_layers(const engine::Model& model) {
  if (model.facts().n_expert == 0) return kNodesOfALayer;
  const auto dense = model.metadata(model.facts().architecture + ".leading_dense_block_count");
  return kNodesOfALayer * (dense ? std::atoi(dense->c_str()) : 0) + kNodesOfAMixture;
}

void must(engine::DecodeStatus status) { require_decoded(status, "the warm-up"); }

}  // namespace

Shapes::Shapes(engine::Context& context, std::uint32_t outputs, std::stop_token stop)
    : context_(context), outputs_(std::max(1U, outputs)), stop_(std::move(stop)) {}

void Shapes::clear() { context_.clear(); }

// Different tokens, so that a mixture of experts is asked for more than one of them.
llama_token Shapes::some_token() {
  next_token_ = (next_token_ + 7919) % static_cast<std::uint32_t>(context_.model()->facts().n_vocab);
  return static_cast<llama_token>(next_token_);
}

// Batches larger than the engine's own are cut into calls, as a prompt would be.
void Shapes::decode(std::uint32_t tokens, std::uint32_t outputs) {
  const engine::ContextFacts& facts = context_.facts();
  engine::Position at = context_.last_position(0) + 1;
  for (std::uint32_t left = tokens; left > 0;) {
    const std::uint32_t now = std::min(left, facts.n_batch);
    engine::Batch batch;
    for (std::uint32_t i = 0; i < now; ++i) {
      batch.add(some_token(), at + static_cast<engine::Position>(i), 0, left - i <= outputs || left == i + 1);
    }
    must(context_.decode(batch, stop_));
    at += static_cast<engine::Position>(now);
    left -= now;
  }
  context_.synchronize();
}

void Shapes::decode_from_empty(std::uint32_t tokens, std::uint32_t outputs) {
  context_.clear();
  decode(tokens, outputs);
}

void Shapes::encode(std::uint32_t tokens) {
  engine::Batch batch;
  for (std::uint32_t i = 0; i < tokens; ++i) batch.add(some_token(), static_cast<engine::Position>(i), 0, false);
  must(context_.encode(batch));
  context_.synchronize();
}

// Makes room at the end of a full sequence, then fills it again.
void Shapes::decode_at_end(std::uint32_t tokens) {
  const engine::Position end = context_.last_position(0) + 1;
  const auto count = static_cast<engine::Position>(tokens);
  if (!context_.remove(0, end - count, -1)) return;
  decode(tokens, 1);
}

void Shapes::all_sequences(std::uint32_t tokens_each) {
  context_.clear();
  const std::uint32_t sequences = context_.facts().n_seq_max;
  engine::Batch batch;
  for (std::uint32_t sequence = 0; sequence < sequences; ++sequence) {
    for (std::uint32_t i = 0; i < tokens_each; ++i) {
      batch.add(some_token(), static_cast<engine::Position>(i), static_cast<engine::SequenceId>(sequence),
                i + 1 == tokens_each);
    }
  }
  must(context_.decode(batch, stop_));
  context_.synchronize();
}

void Shapes::shift() {
  decode_from_empty(std::min(32U, context_.facts().n_ctx_seq / 2), 1);
  const engine::Position end = context_.last_position(0) + 1;
  if (!context_.remove(0, 4, 12)) return;
  context_.shift(0, 12, end, -8);
  decode(1, 1);  // the memory is really moved with the next batch
}

void Shapes::copy_and_remove() {
  decode_from_empty(std::min(16U, context_.facts().n_ctx_seq / 2), 1);
  context_.copy(0, 1);
  engine::Batch batch;
  batch.add(some_token(), context_.last_position(1) + 1, 1, true);
  must(context_.decode(batch, stop_));
  context_.synchronize();
  (void)context_.remove(1, -1, -1);
}

void Shapes::save_and_restore() {
  decode_from_empty(std::min(16U, context_.facts().n_ctx_seq / 2), 1);
  const engine::SequenceState state = engine::SequenceState::save(context_, 0);
  state.restore(context_, 0);
  decode(1, 1);
}

void Shapes::sample() {
  decode_from_empty(1, 1);
  engine::Sampler sampler(*context_.model(), {});
  (void)sampler.sample(context_, -1);
}

std::vector<std::uint32_t> Shapes::sizes(WarmUpDepth depth, bool accelerated) const {
  const engine::ContextFacts& facts = context_.facts();
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
  const engine::ContextFacts& facts = context_.facts();
  const std::uint32_t outputs = std::min({outputs_, facts.n_batch, facts.n_ctx_seq});
  const std::uint32_t tokens = std::max(std::min(facts.n_ubatch, facts.n_ctx_seq), outputs);
  return {{fmt::format("the first layers of {} tokens", tokens), [=, this] { begin_to_decode(tokens, outputs); }},
          {"sample", [this] { sample(); }}};
}

void Shapes::begin_to_decode(std::uint32_t tokens, std::uint32_t outputs) {
  context_.clear();
  engine::Batch batch;
  for (std::uint32_t i = 0; i < tokens; ++i)
    batch.add(some_token(), static_cast<engine::Position>(i), 0, tokens - i <= outputs);
  const engine::DecodeStatus status = context_.decode_beginning(batch, nodes_of_first_layers(*context_.model()));
  if (status != engine::DecodeStatus::aborted) must(status);
  context_.clear();
}

std::vector<Step> Shapes::shallow(WarmUpDepth depth, bool accelerated) {
  const engine::ContextFacts& facts = context_.facts();
  if (depth == WarmUpDepth::automatic && !accelerated && context_.can_stop_inside() && !context_.params().embeddings &&
      !context_.model()->facts().has_encoder)
    return on_the_host_again();
  const engine::ModelFacts& model = context_.model()->facts();
  std::vector<Step> steps;
  if (model.has_encoder && model.has_decoder) {
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
  if (accelerated && !context_.params().embeddings) {
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
  if (context_.params().embeddings) {
    const std::uint32_t each = std::min(facts.n_ubatch, facts.n_ctx) / facts.n_seq_max;
    if (facts.n_seq_max > 1 && each > 2)
      steps.push_back(
          {fmt::format("{} sequences of {}", facts.n_seq_max, each), [this, each] { all_sequences(each); }});
    return steps;  // nothing is sampled, shifted or kept between calls
  }
  if (!facts.has_memory) return steps;
  if (context_.can_shift() && facts.n_ctx_seq >= 32) steps.push_back({"shift", [this] { shift(); }});
  if (facts.n_seq_max > 1) steps.push_back({"copy and remove", [this] { copy_and_remove(); }});
  steps.push_back({"save and restore", [this] { save_and_restore(); }});
  steps.push_back({"sample", [this] { sample(); }});
  return steps;
}

Step Shapes::small_request() {
  return {"settling", [this] {
            engine::Sampler sampler(*context_.model(), {});
            decode_from_empty(std::min(16U, context_.facts().n_ctx_seq / 2), 1);
            for (int i = 0; i < 4; ++i) {
              (void)sampler.sample(context_, -1);
              decode(1, 1);
            }
          }};
}

bool Shapes::fill(std::chrono::milliseconds limit) {
  const Stopwatch watch;
  context_.clear();
  const std::uint32_t end = context_.facts().n_ctx_seq;
  for (std::uint32_t at = 0; at < end;) {
    if (watch.elapsed_ms() > static_cast<double>(limit.count())) return false;
    const std::uint32_t now = std::min(end - at, context_.facts().n_ubatch);
    decode(now, 1);
    at += now;
  }
  return true;
}

std::vector<Step> Shapes::deep(WarmUpDepth depth) {
  std::vector<Step> steps;
  // Memory that cannot forget its tail is of one size at every depth: nothing is to be seen there.
  const engine::Position end = context_.last_position(0) + 1;
  if (end < 2 || !context_.remove(0, end - 1, -1)) return steps;
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
