#include <plimsoll/sampler.hpp>

#include <nlohmann/json.hpp>
#include <utility>

#include "grammar/json_schema.hpp"
#include "run/speculative.hpp"

#include "model_state.hpp"
#include "moved_from.hpp"
#include "sampler_impl.hpp"

namespace plimsoll {
namespace {

engine::Sampler sampler_of(const engine::Model& model, const SamplingParams& params,
                           std::unique_ptr<CustomSampler> first) {
  if (!first) return {model, params};
  validate(params);
  engine::SamplerChain chain = engine::make_chain(model, params);
  chain.insert(0, engine::SamplerLink::custom(std::move(first)));
  return engine::Sampler::of(model, std::move(chain),
                             {.gbnf = params.grammar,
                              .root = params.grammar_root,
                              .trigger_patterns = params.grammar_trigger_patterns,
                              .trigger_tokens = params.grammar_trigger_tokens});
}

}  // namespace

Sampler::Sampler(const Model& model, const SamplingParams& params, std::unique_ptr<CustomSampler> first)
    : impl_(std::make_shared<Impl>()) {
  impl_->model = model.state();
  const engine::Model& weights = *model.state()->instance->model();
  impl_->weights = &weights;
  impl_->sampler = std::make_shared<engine::Sampler>(sampler_of(weights, params, std::move(first)));
}
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;
Sampler::~Sampler() = default;

const std::shared_ptr<Sampler::Impl>& Sampler::impl() const { return library::held(impl_, "sampler"); }

const std::shared_ptr<engine::Sampler>& Sampler::Impl::for_logits_of(const engine::Model& of) const {
  if (weights != &of && !run::same_vocabulary(*weights, of))
    throw Error(ErrorCode::usage, "this sampler was made for a model with another vocabulary");
  return sampler;
}

Token Sampler::sample(std::span<const float> logits) { return impl()->sampler->sample(logits); }

void Sampler::accept(Token token) { impl()->sampler->accept(token); }

void Sampler::reset() { impl()->sampler->reset(); }

std::string grammar_of_json_schema(std::string_view schema) {
  const auto json = nlohmann::ordered_json::parse(schema, nullptr, false);
  if (json.is_discarded()) throw Error(ErrorCode::usage, "the schema is not JSON");
  return grammar::from_json_schema(json);
}

}  // namespace plimsoll
