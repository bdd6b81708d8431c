#include <plimsoll/embedder.hpp>

#include <plimsoll/runtime.hpp>

#include "embedding.hpp"
#include "model_state.hpp"
#include "own_process.hpp"

namespace plimsoll {

struct Embedder::State {
  explicit State(std::shared_ptr<Model::State> of) : model(std::move(of)), embedder(*model->instance) {}
  std::shared_ptr<Model::State> model;  // destroyed last
  run::Embedder embedder;
};

Embedder Runtime::open_embedder(const std::filesystem::path& path, const EmbedderOptions& options) {
  plan::Request request = library::request_of(path, options.model);
  run::plan_for_embeddings(request.dry_run, options.pooling);
  return Embedder(std::make_shared<Embedder::State>(library::opened(state(), std::move(request), options.model)));
}

Embedder::State& Embedder::state() const { return *library::held_here(state_, "embedder"); }

std::vector<Embedding> Embedder::embed(std::span<const std::string> texts, const EmbedOptions& options) const {
  State& state = this->state();
  const std::lock_guard lock(state.model->mutex);
  return library::embed(state.embedder, texts, options);
}

Embedding Embedder::embed(std::string_view text, const EmbedOptions& options) const {
  const std::string one(text);
  return std::move(embed(std::span(&one, 1), options).front());
}

std::size_t Embedder::width() const { return state().embedder.width(); }

std::size_t Embedder::longest_input() const { return state().embedder.longest_input(); }

engine::Pooling Embedder::pooling() const { return state().embedder.pooling(); }

SealCounts Embedder::seal_counts() const { return state().model->instance->seal_counts(); }

}  // namespace plimsoll
