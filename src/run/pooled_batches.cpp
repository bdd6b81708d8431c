#include "pooled_batches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <plimsoll/base/error.hpp>
#include "run/embedder.hpp"

#include "run/decode_failure.hpp"

namespace plimsoll::run {
namespace {

// A vector of a whole sequence is made inside one micro-batch, of the tokens it sees there. Only the last token's
// vector does not depend on what its micro-batch was, where every token looks back through the memory.
bool may_take_several_calls(const engine::ContextFacts& facts) {
  const bool by_token = facts.pooling == engine::Pooling::none || facts.pooling == engine::Pooling::last;
  return by_token && facts.has_memory && facts.is_causal;
}

// Where each sequence has a cache of its own, the engine cuts a batch into micro-batches in which all sequences are
// equally long, so a longer one ends up in two. Recurrent memory is cut by sequence instead.
bool keeps_sequences_whole(const engine::Context& context) {
  const engine::ContextFacts& facts = context.facts();
  const engine::ModelFacts& model = context.model()->facts();
  return !facts.has_memory || facts.kv_unified || facts.n_seq_max == 1 || model.is_recurrent || model.is_hybrid;
}

class EmptyContext {
 public:
  explicit EmptyContext(engine::Context& context) : context_(context) { context_.clear(); }
  ~EmptyContext() { context_.clear(); }
  EmptyContext(const EmptyContext&) = delete;
  EmptyContext& operator=(const EmptyContext&) = delete;

 private:
  engine::Context& context_;
};

void check(const Instance& instance, engine::DecodeStatus status) {
  require_decoded(status, fmt::format("computing embeddings on '{}'", instance.name()), instance);
}

void check_inputs(const Instance& instance, std::span<const std::vector<engine::Token>> inputs,
                  const BatchLimits& limits) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].empty()) throw Error(ErrorCode::usage, fmt::format("input {} has no token", i + 1));
    if (inputs[i].size() <= limits.longest) continue;
    throw Error(ErrorCode::context_overflow,
                fmt::format("input {} is {} tokens long, and '{}' takes {} at once (n_ubatch, n_ctx)", i + 1,
                            inputs[i].size(), instance.name(), limits.longest),
                {{"needed", inputs[i].size()}, {"available", limits.longest}, {"input", i}});
  }
}

void give(std::size_t input, std::span<const float> row, const TakeRow& take) {
  if (!std::ranges::all_of(row, [](float value) { return std::isfinite(value); })) {
    throw Error(ErrorCode::engine_failed, fmt::format("the engine's vector of input {} is not of numbers", input + 1));
  }
  take(input, row);
}

// One input in as many calls as it needs; the memory carries it from one to the next.
void run_long(Instance& instance, std::size_t input, std::span<const engine::Token> tokens, std::size_t most,
              const std::stop_token& stop, const TakeRow& take) {
  engine::Context& context = instance.context();
  const bool pooled = context.facts().pooling != engine::Pooling::none;
  for (std::size_t from = 0; from < tokens.size(); from += most) {
    const std::size_t count = std::min(most, tokens.size() - from);
    engine::Batch batch;
    for (std::size_t i = 0; i < count; ++i) {
      batch.add(tokens[from + i], static_cast<engine::Position>(from + i), 0, true);
    }
    check(instance, instance.decode(batch, stop));
    for (std::size_t i = 0; i < count && !pooled; ++i) {
      give(input, context.embeddings(static_cast<std::int32_t>(i)), take);
    }
  }
  if (pooled) give(input, context.sequence_embeddings(0), take);
}

void run_group(Instance& instance, const std::vector<std::size_t>& group,
               std::span<const std::vector<engine::Token>> inputs, const std::stop_token& stop, const TakeRow& take) {
  engine::Context& context = instance.context();
  engine::Batch batch;
  for (std::size_t sequence = 0; sequence < group.size(); ++sequence) {
    const std::vector<engine::Token>& tokens = inputs[group[sequence]];
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      batch.add(tokens[i], static_cast<engine::Position>(i), static_cast<engine::SequenceId>(sequence), true);
    }
  }
  check(instance, instance.decode(batch, stop));
  std::int32_t at = 0;
  for (std::size_t sequence = 0; sequence < group.size(); ++sequence) {
    if (context.facts().pooling != engine::Pooling::none) {
      give(group[sequence], context.sequence_embeddings(static_cast<engine::SequenceId>(sequence)), take);
      continue;
    }
    for (std::size_t i = 0; i < inputs[group[sequence]].size(); ++i)
      give(group[sequence], context.embeddings(at++), take);
  }
}

}  // namespace

std::vector<std::vector<std::size_t>> pack(std::span<const std::size_t> lengths, const BatchLimits& limits) {
  std::vector<std::vector<std::size_t>> groups;
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const bool room =
        !groups.empty() && groups.back().size() < limits.sequences && tokens + lengths[i] <= limits.tokens;
    if (!room) {
      groups.emplace_back();
      tokens = 0;
    }
    groups.back().push_back(i);
    tokens += lengths[i];
  }
  return groups;
}

BatchLimits batch_limits(const engine::Context& context) {
  const engine::ContextFacts& facts = context.facts();
  const engine::ModelFacts& model = context.model()->facts();
  if (!context.params().embeddings) {
    throw Error(ErrorCode::usage, "this context was made for generating; one for embeddings must be planned as such");
  }
  if (model.has_encoder && model.has_decoder) {
    throw Error(ErrorCode::unsupported,
                fmt::format("{} is an encoder-decoder model: it gives no embeddings of texts", model.architecture));
  }
  return {.tokens = std::min<std::size_t>({facts.n_ubatch, facts.n_batch, facts.n_ctx}),
          .sequences = keeps_sequences_whole(context) ? facts.n_seq_max : 1,
          .longest = longest_input(facts)};
}

std::size_t longest_input(const engine::ContextFacts& facts) {
  const std::size_t of_a_sequence = facts.has_memory ? facts.n_ctx_seq : facts.n_ubatch;
  if (may_take_several_calls(facts)) return of_a_sequence;
  return std::min<std::size_t>({facts.n_ubatch, facts.n_batch, of_a_sequence});
}

void run_pooled(Instance& instance, std::span<const std::vector<engine::Token>> inputs, const PooledWork& work,
                const TakeRow& take) {
  engine::Context& context = instance.context();
  const BatchLimits limits = batch_limits(context);
  check_inputs(instance, inputs, limits);
  std::vector<std::size_t> lengths;
  for (const auto& input : inputs) lengths.push_back(input.size());

  std::size_t done = 0;
  for (const std::vector<std::size_t>& group : pack(lengths, limits)) {
    if (work.between_batches && done > 0) work.between_batches();
    if (work.stop.stop_requested()) throw Error(ErrorCode::cancelled, "computing the embeddings was cancelled");
    const SequenceClaim claim(instance);
    const EmptyContext empty(context);
    if (lengths[group.front()] > limits.tokens) {
      run_long(instance, group.front(), inputs[group.front()], limits.tokens, work.stop, take);
    } else {
      run_group(instance, group, inputs, work.stop, take);
    }
    done += group.size();
    if (work.progress) work.progress(done, inputs.size());
  }
}

}  // namespace plimsoll::run
