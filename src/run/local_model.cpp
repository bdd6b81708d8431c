#include "run/local_model.hpp"

#include <fmt/format.h>

#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::run {

LocalModel::LocalModel(std::unique_ptr<Instance> instance) : instance_(std::move(instance)) {
  if (!instance_->plan().request.context.embeddings) executor_.emplace(*instance_);
}

const BatchedExecutor& LocalModel::executor() const {
  if (executor_) return *executor_;
  throw Error(ErrorCode::unsupported,
              fmt::format("'{}' was planned for embeddings and has no conversations", instance_->name()));
}

BatchedExecutor& LocalModel::executor() { return const_cast<BatchedExecutor&>(std::as_const(*this).executor()); }

std::vector<Embedding> LocalModel::embed(std::span<const std::vector<engine::Token>> inputs,
                                         const EmbedParams& params) {
  return Embedder(*instance_).embed(inputs, params);
}

std::vector<Ranked> LocalModel::rank(std::span<const std::vector<engine::Token>> pairs, const RankParams& params) {
  return Reranker(*instance_).rank(pairs, params);
}

}  // namespace plimsoll::run
