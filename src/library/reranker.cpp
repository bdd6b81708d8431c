#include <plimsoll/reranker.hpp>

#include <plimsoll/runtime.hpp>

#include "embedding.hpp"
#include "model_state.hpp"
#include "own_process.hpp"

namespace plimsoll {

struct Reranker::State {
  explicit State(std::shared_ptr<Model::State> of) : model(std::move(of)), reranker(*model->instance) {}
  std::shared_ptr<Model::State> model;  // destroyed last
  run::Reranker reranker;
};

Reranker Runtime::open_reranker(const std::filesystem::path& path, const ModelOptions& options) {
  plan::Request request = library::request_of(path, options);
  run::plan_for_ranking(request.dry_run);
  return Reranker(std::make_shared<Reranker::State>(library::opened(state(), std::move(request), options)));
}

Reranker::State& Reranker::state() const { return *library::held_here(state_, "reranker"); }

std::vector<Ranked> Reranker::rank(std::string_view query, std::span<const std::string> documents,
                                   const RankOptions& options) const {
  State& state = this->state();
  const std::lock_guard lock(state.model->mutex);
  return library::rank(state.reranker, query, documents, options);
}

std::size_t Reranker::longest_pair() const { return state().reranker.longest_pair(); }

SealCounts Reranker::seal_counts() const { return state().model->instance->seal_counts(); }

}  // namespace plimsoll
