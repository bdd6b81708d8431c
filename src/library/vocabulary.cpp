// A model file's tokenizer alone.
#include <plimsoll/model.hpp>

#include "engine/model.hpp"
#include "engine/prompt_tokens.hpp"

#include "moved_from.hpp"

namespace plimsoll {

struct Vocabulary::State {
  std::shared_ptr<engine::Model> model;
  engine::Vocab vocab;
};

Vocabulary::Vocabulary(const std::filesystem::path& path) {
  engine::ModelParams params;
  params.path = path.string();
  params.devices = {"none"};
  std::shared_ptr<engine::Model> model = engine::Model::load(params, {.vocab_only = true});
  const engine::Vocab vocab = model->vocab();
  if (!vocab.present())
    throw Error(ErrorCode::model_unusable, "'" + path.string() + "' is a model without a tokenizer");
  state_ = std::make_shared<const State>(State{.model = std::move(model), .vocab = vocab});
}

const Vocabulary::State& Vocabulary::state() const { return *library::held(state_, "vocabulary"); }

std::int32_t Vocabulary::size() const { return state().vocab.n_tokens(); }

std::vector<Token> Vocabulary::tokenize(std::string_view text, bool with_begin_token) const {
  return engine::prompt_tokens(*state().model, text, with_begin_token);
}

std::string Vocabulary::text_of(std::span<const Token> tokens, bool control_tokens) const {
  return state().vocab.detokenize({tokens.begin(), tokens.end()}, control_tokens);
}

bool Vocabulary::ends_generation(Token token) const { return state().vocab.is_end_of_generation(token); }

}  // namespace plimsoll
