#include <plimsoll/sampler.hpp>

#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <span>
#include <utility>

#include "grammar/json_schema.hpp"
#include "run/speculative.hpp"

#include "model_state.hpp"
#include "moved_from.hpp"
#include "sampler_impl.hpp"

namespace plimsoll {
namespace {

// A link of a program's own. Where it selects a token that one alone is left, so that the links behind it cannot choose
// another.
class OwnLink final : public CustomSampler {
 public:
  explicit OwnLink(std::shared_ptr<CustomSampler> inner) : inner_(std::move(inner)) {}
  [[nodiscard]] std::string name() const override { return inner_->name(); }
  void apply(Candidates& candidates) override {
    inner_->apply(candidates);
    const std::optional<std::size_t> choice = candidates.selected();
    if (!choice) return;
    const std::span<Candidate> all = candidates.edit();
    std::swap(all.front(), all[*choice]);
    candidates.keep_first(1);
  }
  void accept(Token token) override { inner_->accept(token); }
  void reset() override { inner_->reset(); }
  [[nodiscard]] std::unique_ptr<CustomSampler> clone() const override {
    return std::make_unique<OwnLink>(inner_->clone());
  }

 private:
  std::shared_ptr<CustomSampler> inner_;
};

engine::SamplerLink own_link(std::shared_ptr<CustomSampler> link) {
  return engine::SamplerLink::custom(std::make_unique<OwnLink>(std::move(link)));
}

// Where the likeliest token is chosen the engine's chain leaves out what only narrows: a link behind it would see all.
engine::SamplerChain chain_that_narrows(const engine::Model& model, const SamplingParams& params) {
  const bool greedy = params.temperature <= 0 && params.mirostat == 0;
  if (!greedy) return engine::make_chain(model, params);
  SamplingParams narrowing = params;
  narrowing.temperature = 1;
  narrowing.dynatemp_range = 0;
  engine::SamplerChain chain = engine::make_chain(model, narrowing);
  (void)chain.remove(chain.size() - 1);
  chain.add(engine::SamplerLink::greedy());
  return chain;
}

SamplingParams with_seed(SamplingParams params) {
  while (params.seed == engine::kRandomSeed) params.seed = std::random_device{}();
  return params;
}

}  // namespace

engine::Sampler library::sampler_with(const engine::Model& model, const SamplingParams& given, OwnLinks links) {
  if (!links.first && !links.last) return {model, given};
  validate(given);
  const SamplingParams params = with_seed(given);
  engine::SamplerChain chain = links.last ? chain_that_narrows(model, params) : engine::make_chain(model, params);
  if (links.last) chain.insert(chain.size() - 1, own_link(std::move(links.last)));
  if (links.first) chain.insert(0, own_link(std::move(links.first)));
  return engine::Sampler::of(model, std::move(chain),
                             {.gbnf = params.grammar,
                              .root = params.grammar_root,
                              .trigger_patterns = params.grammar_trigger_patterns,
                              .trigger_tokens = params.grammar_trigger_tokens});
}

Sampler::Sampler(const Model& model, const SamplingParams& params, std::unique_ptr<CustomSampler> first,
                 std::unique_ptr<CustomSampler> last)
    : impl_(std::make_shared<Impl>()) {
  impl_->model = model.state();
  const engine::Model& weights = *model.state()->instance->model();
  impl_->weights = &weights;
  impl_->sampler = std::make_shared<engine::Sampler>(
      library::sampler_with(weights, params, {.first = std::move(first), .last = std::move(last)}));
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
