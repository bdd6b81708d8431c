// A context of ours as a warm-up drives it.
#include <cstdlib>
#include <span>

#include "engine/sampler.hpp"
#include "engine/sequence_state.hpp"
#include "run/decode_failure.hpp"
#include "run/warm_up.hpp"
#include "run/warm_up_target.hpp"

namespace plimsoll::run {
namespace {

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

engine::Batch batch_of(std::span<const WarmUpToken> tokens) {
  engine::Batch batch;
  for (const WarmUpToken& token : tokens) batch.add(token.token, token.position, token.sequence, token.output);
  return batch;
}

WarmUpFacts facts_of(const engine::Context& context) {
  const engine::ContextFacts& facts = context.facts();
  const engine::ModelFacts& model = context.model()->facts();
  return {.n_ctx = facts.n_ctx,
          .n_ctx_seq = facts.n_ctx_seq,
          .n_batch = facts.n_batch,
          .n_ubatch = facts.n_ubatch,
          .n_seq_max = facts.n_seq_max,
          .n_vocab = static_cast<std::uint32_t>(model.n_vocab),
          .has_memory = facts.has_memory,
          .embeddings = context.params().embeddings,
          .has_encoder = model.has_encoder,
          .has_decoder = model.has_decoder,
          .can_shift = context.can_shift(),
          .nodes_of_first_layers = context.can_stop_inside() ? nodes_of_first_layers(*context.model()) : 0};
}

class ContextTarget final : public WarmUpTarget {
 public:
  explicit ContextTarget(engine::Context& context) : context_(context), facts_(facts_of(context)) {}

  [[nodiscard]] const WarmUpFacts& facts() const override { return facts_; }
  void decode(std::span<const WarmUpToken> tokens, const std::stop_token& stop) override {
    must(context_.decode(batch_of(tokens), stop));
  }
  void encode(std::span<const WarmUpToken> tokens) override { must(context_.encode(batch_of(tokens))); }
  void begin_to_decode(std::span<const WarmUpToken> tokens) override {
    const engine::DecodeStatus status = context_.decode_beginning(batch_of(tokens), facts_.nodes_of_first_layers);
    if (status != engine::DecodeStatus::aborted) must(status);
  }
  void synchronize() override { context_.synchronize(); }

  void clear() override { context_.clear(); }
  [[nodiscard]] bool remove(std::int32_t sequence, std::int32_t from, std::int32_t to) override {
    return context_.remove(sequence, from, to);
  }
  void copy(std::int32_t from_sequence, std::int32_t to_sequence) override {
    context_.copy(from_sequence, to_sequence);
  }
  void shift(std::int32_t sequence, std::int32_t from, std::int32_t to, std::int32_t by) override {
    context_.shift(sequence, from, to, by);
  }
  [[nodiscard]] std::int32_t last_position(std::int32_t sequence) const override {
    return context_.last_position(sequence);
  }
  void save_and_restore(std::int32_t sequence) override {
    const engine::SequenceState state = engine::SequenceState::save(context_, sequence);
    state.restore(context_, sequence);
  }
  void sample() override {
    engine::Sampler sampler(*context_.model(), {});
    (void)sampler.sample(context_, -1);
  }

 private:
  engine::Context& context_;
  WarmUpFacts facts_;
};

}  // namespace

WarmUpReport warm_up(engine::Context& context, const device::Meter& meter, const WarmUpOptions& options) {
  ContextTarget target(context);
  return warm_up(target, meter, options);
}

}  // namespace plimsoll::run
