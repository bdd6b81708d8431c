#include <plimsoll/engine/sampler.hpp>

#include <cmath>

#include <plimsoll/base/error.hpp>
#include <plimsoll/engine/engine_log.hpp>

namespace plimsoll::engine {
namespace {

constexpr std::size_t kKeepAtLeastOne = 1;

// llama.cpp's own order: what forbids, what narrows, what flattens, what chooses.
llama_sampler* make_chain(std::int32_t n_vocab, const SamplingParams& params) {
  llama_sampler* chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
  const auto add = [chain](llama_sampler* sampler) { llama_sampler_chain_add(chain, sampler); };
  const bool penalties = params.penalty_repeat != 1.0F || params.penalty_frequency != 0 || params.penalty_presence != 0;
  if (penalties) {
    add(llama_sampler_init_penalties(n_vocab, params.penalty_last_n, params.penalty_repeat, params.penalty_frequency,
                                     params.penalty_presence));
  }
  if (params.temperature <= 0) {
    add(llama_sampler_init_greedy());
    return chain;
  }
  if (params.top_n_sigma >= 0) add(llama_sampler_init_top_n_sigma(params.top_n_sigma));
  if (params.top_k > 0) add(llama_sampler_init_top_k(params.top_k));
  if (params.typical_p < 1) add(llama_sampler_init_typical(params.typical_p, kKeepAtLeastOne));
  if (params.top_p < 1) add(llama_sampler_init_top_p(params.top_p, kKeepAtLeastOne));
  if (params.min_p > 0) add(llama_sampler_init_min_p(params.min_p, kKeepAtLeastOne));
  add(llama_sampler_init_temp(params.temperature));
  add(llama_sampler_init_dist(params.seed));
  return chain;
}

llama_token_data_array fill(std::vector<llama_token_data>& candidates, std::span<const float> logits) {
  candidates.resize(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    candidates[i] = {.id = static_cast<llama_token>(i), .logit = logits[i], .p = 0};
  }
  return {.data = candidates.data(), .size = candidates.size(), .selected = -1, .sorted = false};
}

// The engine throws where no rule goes on with this token: then none does with any.
void go_on(llama_sampler& grammar, Token token) {
  try {
    llama_sampler_accept(&grammar, token);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::usage, std::string("the grammar leaves nothing to choose from: ") + error.what());
  }
}

}  // namespace

Sampler::Sampler(const Model& model, const SamplingParams& params)
    : chain_(make_chain(model.facts().n_vocab, params)), n_vocab_(static_cast<std::size_t>(model.facts().n_vocab)) {
  if (params.grammar.empty()) return;
  if (!model.vocab().present()) throw Error(ErrorCode::unsupported, "a grammar needs a model with a vocabulary");
  const EngineLogListener heard;
  grammar_.reset(
      llama_sampler_init_grammar(model.vocab().handle(), params.grammar.c_str(), params.grammar_root.c_str()));
  if (!grammar_) {
    throw Error(ErrorCode::usage,
                "the grammar cannot be read" + (heard.first_error().empty() ? "" : ": " + heard.first_error()));
  }
}

Token Sampler::sample(const Context& context, std::int32_t index) { return sample(context.logits(index)); }

Token Sampler::sample(std::span<const float> logits) {
  if (logits.size() != n_vocab_) {
    throw Error(ErrorCode::usage, "the sampler chooses from " + std::to_string(n_vocab_) + " logits, " +
                                      std::to_string(logits.size()) + " were given");
  }
  llama_token_data_array array = fill(candidates_, logits);
  llama_sampler_apply(chain_.get(), &array);
  Token chosen = array.data[array.selected].id;
  if (grammar_) {
    llama_token_data only{.id = chosen, .logit = 1.0F, .p = 0};
    llama_token_data_array check{.data = &only, .size = 1, .selected = -1, .sorted = false};
    llama_sampler_apply(grammar_.get(), &check);
    if (!(only.logit > -INFINITY)) {  // forbidden: choose again among what is allowed
      array = fill(candidates_, logits);
      llama_sampler_apply(grammar_.get(), &array);
      llama_sampler_apply(chain_.get(), &array);
      chosen = array.data[array.selected].id;
    }
  }
  llama_sampler_accept(chain_.get(), chosen);
  if (grammar_) go_on(*grammar_, chosen);
  return chosen;
}

void Sampler::accept(Token token) { llama_sampler_accept(chain_.get(), token); }

void Sampler::reset() {
  llama_sampler_reset(chain_.get());
  if (grammar_) llama_sampler_reset(grammar_.get());
}

std::uint32_t Sampler::seed() const { return llama_sampler_get_seed(chain_.get()); }

}  // namespace plimsoll::engine
