#include <plimsoll/model.hpp>

#include <utility>

#include "engine/prompt_tokens.hpp"
#include "run/decode_failure.hpp"
#include "run/open.hpp"
#include "run/state_archive.hpp"

#include "conversation_state.hpp"
#include "generation_impl.hpp"
#include "media_impl.hpp"
#include "model_state.hpp"
#include "own_process.hpp"

namespace plimsoll {

const std::shared_ptr<Model::State>& Model::state() const { return library::held_here(state_, "model"); }

LoadedModel ReservedModel::load() && {
  library::held_here(state_, "reservation")->load();
  return LoadedModel(std::move(state_));
}

UnwarmedModel LoadedModel::create_context() && {
  library::held_here(state_, "model")->create_context();
  return UnwarmedModel(std::move(state_));
}

Model UnwarmedModel::warm_up() && {
  Model::State& state = *library::held_here(state_, "model");
  state.warm_up();
  state.begin_to_generate();
  return Model(std::move(state_));
}

namespace library {

Model opened(std::shared_ptr<Model::State> reserved) {
  reserved->load();
  reserved->create_context();
  reserved->warm_up();
  reserved->begin_to_generate();
  return Model(std::move(reserved));
}

}  // namespace library

Model Model::open_context(const ContextOptions& options) const {
  const std::shared_ptr<State> root = state()->weights ? state()->weights : state();
  return library::opened(library::reserved(root, library::planned(*root, options), options));
}

Plan Model::plan_context(const ContextOptions& options) const {
  const std::shared_ptr<State> root = state()->weights ? state()->weights : state();
  return Plan(library::planned(*root, options).plan);
}

const std::string& Model::name() const { return state()->instance->name(); }

ModelInfo Model::info() const {
  State& state = *this->state();
  const engine::ModelFacts& model = state.instance->model()->facts();
  const engine::ContextFacts& context = state.instance->context().facts();
  return {.architecture = model.architecture,
          .description = model.description,
          .n_params = model.n_params,
          .n_layer = model.n_layer,
          .n_vocab = model.n_vocab,
          .n_embd_inp = model.n_embd_inp,
          .n_ctx_train = model.n_ctx_train,
          .n_ctx = context.n_ctx,
          .n_ctx_seq = context.n_ctx_seq,
          .n_seq_max = context.n_seq_max,
          .sound_rate = state.options.projector.wanted() ? state.instance->projector().facts().sample_rate : 0,
          .has_vocabulary = state.instance->model()->vocab().present()};
}

Generation Model::generate(std::string_view prompt, GenerationOptions options, WaitOptions wait) const {
  return generate(run::tokenize_prompt(*state()->instance->model(), prompt), std::move(options), std::move(wait));
}

Generation Model::generate(std::span<const Token> prompt, GenerationOptions options, WaitOptions wait) const {
  return library::begin(state()->take_sequence(wait), {prompt.begin(), prompt.end()}, std::move(options));
}

Conversation Model::conversation(WaitOptions wait) const { return Conversation(state()->take_sequence(wait)); }

Conversation Model::load_conversation(const std::filesystem::path& path, WaitOptions wait) const {
  const run::SequenceSnapshot snapshot = run::read_sequence_archive(path);
  Conversation conversation(state()->take_sequence(wait));
  conversation.restore(library::saved(snapshot));
  return conversation;
}

void Model::infer(std::stop_token stop) const {
  State& state = *this->state();
  run::require_decoded(state.executor->infer(std::move(stop)), "decoding on '" + state.instance->name() + "'",
                       *state.instance);
}

std::vector<Token> Model::tokenize(std::string_view text, bool with_begin_token) const {
  return engine::prompt_tokens(*state()->instance->model(), text, with_begin_token);
}

std::string Model::text_of(std::span<const Token> tokens, bool control_tokens) const {
  return state()->instance->model()->vocab().detokenize({tokens.begin(), tokens.end()}, control_tokens);
}

bool Model::ends_generation(Token token) const {
  return state()->instance->model()->vocab().is_end_of_generation(token);
}

std::string Model::media_marker() const { return state()->instance->projector().facts().marker; }

Media Model::media_from_file(const std::filesystem::path& path) const {
  return library::media(state()->instance->projector().media_from_file(path));
}

void Model::set_adapter_scales(std::span<const float> scales) const {
  State& state = *this->state();
  const std::lock_guard lock(state.mutex);
  state.instance->set_adapter_scales(scales);
}

std::vector<plan::Entry> Model::planned() const { return state()->instance->plan().entries; }

std::vector<plan::Entry> Model::taken() const { return state()->instance->snapshot(); }

SealCounts Model::seal_counts() const { return state()->instance->seal_counts(); }

Bytes Model::growth_after_ready() const { return state()->instance->growth_after_ready(); }

}  // namespace plimsoll
