#include "run/embedder.hpp"

#include <algorithm>
#include <cmath>

#include <plimsoll/base/error.hpp>

#include "pooled_batches.hpp"

namespace plimsoll::run {
namespace {

// A vector of zeros has no direction and stays what it is.
void to_length_one(std::span<float> row) {
  double sum = 0;
  for (const float value : row) sum += static_cast<double>(value) * value;
  if (sum == 0) return;
  const auto factor = static_cast<float>(1.0 / std::sqrt(sum));
  for (float& value : row) value *= factor;
}

}  // namespace

void plan_for_embeddings(engine::ContextParams& context, engine::Pooling pooling) {
  context.embeddings = true;
  context.pooling = pooling;
  if (pooling != engine::Pooling::none) {
    if (context.n_ctx.value_or(0) > 0) context.n_ubatch = std::min(context.n_ubatch, *context.n_ctx);
    context.n_ubatch = engine::pooled_micro_batch(context.n_ubatch, context.n_seq_max);
  }
  context.n_batch = context.n_ubatch;
  context.kv_unified = true;
}

void plan_for_embeddings(dry_run::DryRunRequest& request, engine::Pooling pooling) {
  plan_for_embeddings(request.context, pooling);
}

Embedder::Embedder(Instance& instance) : instance_(instance), pooling_(instance.context().facts().pooling) {
  longest_ = batch_limits(instance.context()).longest;
  width_ = static_cast<std::size_t>(instance.model()->facts().n_embd_out);
  if (pooling_ == engine::Pooling::rank)
    throw Error(ErrorCode::usage, "this context ranks: it gives scores, not embeddings");
}

std::vector<Embedding> Embedder::embed(std::span<const std::vector<engine::Token>> inputs, const EmbedParams& params) {
  std::vector<Embedding> embeddings(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    embeddings[i].width = width_;
    embeddings[i].tokens = inputs[i].size();
  }
  run_pooled(instance_, inputs,
             {.stop = params.stop, .progress = params.progress, .between_batches = params.between_batches},
             [&](std::size_t input, std::span<const float> row) {
               std::vector<float>& values = embeddings[input].values;
               values.insert(values.end(), row.begin(), row.end());
               if (params.normalisation == Normalisation::l2) to_length_one(std::span(values).last(row.size()));
             });
  return embeddings;
}

std::vector<Embedding> Embedder::embed(std::span<const std::string> texts, const EmbedParams& params) {
  std::vector<std::vector<engine::Token>> inputs;
  for (const std::string& text : texts) inputs.push_back(instance_.model()->vocab().tokenize(text, true, true));
  return embed(inputs, params);
}

Embedding Embedder::embed(std::string_view text, const EmbedParams& params) {
  const std::vector<std::string> one{std::string(text)};
  return std::move(embed(one, params).front());
}

}  // namespace plimsoll::run
