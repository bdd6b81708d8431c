#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <plimsoll/base/error.hpp>
#include "engine/adaptive_samplers.hpp"
#include "engine/sampler_chain.hpp"

namespace plimsoll::engine {
namespace {

// What draws, for DrawPlace: each kind draws something of its own. What chooses is 0.
constexpr std::uint32_t kXtc = 1;

void numbers(const char* link, std::initializer_list<float> values) {
  if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); }))
    throw Error(ErrorCode::usage, fmt::format("{} was given something that is not a number", link));
}

void require_vocabulary(const Model& model, const char* link) {
  if (!model.vocab().present())
    throw Error(ErrorCode::unsupported, fmt::format("{} needs a model with a vocabulary", link));
}

// The engine's samplers take memory for each token beforehand: four bytes, and DRY twelve.
std::int32_t look_back(const Model& model, std::int32_t last_n) {
  const std::int64_t wanted = last_n >= 0 ? last_n : static_cast<std::int64_t>(model.facts().n_ctx_train);
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(wanted, 0, kMostLookedBackOn));
}

// -infinity among the candidates makes the engine's typical sampler compute 0 * infinity, and keep a set without
// meaning (seen: 14 forbidden tokens kept, likelier ones dropped).
void drop_forbidden(llama_token_data_array& candidates) {
  const std::span all(candidates.data, candidates.size);
  const auto forbidden = std::ranges::stable_partition(all, [](const auto& one) { return one.logit > -INFINITY; });
  if (forbidden.size() < all.size()) candidates.size -= forbidden.size();
}

}  // namespace

SamplerLink::SamplerLink(std::string name, llama_sampler* native) : name_(std::move(name)), native_(native) {
  if (native == nullptr)
    throw Error(ErrorCode::usage, fmt::format("the engine does not make a {} sampler of these values", name_));
}

SamplerLink SamplerLink::drawing(std::string name, std::uint32_t seed, Make make) {
  SamplerLink link(std::move(name));
  link.make_ = std::move(make);
  link.seed_ = seed;
  return link;
}

SamplerLink SamplerLink::drawing(std::string name, std::uint32_t seed, std::unique_ptr<OwnSampler> sampler) {
  SamplerLink link = own(std::move(name), std::move(sampler));
  link.seed_ = seed;
  return link;
}

SamplerLink SamplerLink::top_k(std::int32_t k) {
  SamplerLink link("top_k", llama_sampler_init_top_k(k));
  if (k > 0) link.keeps_largest_ = static_cast<std::size_t>(k);
  return link;
}

SamplerLink SamplerLink::top_p(float p, std::size_t min_keep) {
  numbers("top_p", {p});
  return {"top_p", llama_sampler_init_top_p(p, min_keep)};
}

SamplerLink SamplerLink::min_p(float p, std::size_t min_keep) {
  numbers("min_p", {p});
  return {"min_p", llama_sampler_init_min_p(p, min_keep)};
}

SamplerLink SamplerLink::typical(float p, std::size_t min_keep) {
  numbers("typical", {p});
  return {"typ_p", llama_sampler_init_typical(p, min_keep)};
}

SamplerLink SamplerLink::top_n_sigma(float n) {
  numbers("top_n_sigma", {n});
  return {"top_n_sigma", llama_sampler_init_top_n_sigma(n)};
}

SamplerLink SamplerLink::xtc(float probability, float threshold, std::size_t min_keep, std::uint32_t seed) {
  numbers("xtc", {probability, threshold});
  SamplerLink link = drawing(
      "xtc", seed, [=](std::uint32_t draw) { return llama_sampler_init_xtc(probability, threshold, min_keep, draw); });
  link.place_.link = kXtc;
  return link;
}

SamplerLink SamplerLink::temperature(float temperature, float range, float exponent) {
  numbers("temperature", {temperature, range, exponent});
  return {"temperature", llama_sampler_init_temp_ext(temperature, range, exponent)};
}

SamplerLink SamplerLink::penalties(const Model& model, std::int32_t last_n, float repeat, float frequency,
                                   float presence) {
  numbers("penalties", {repeat, frequency, presence});
  if (repeat <= 0)
    throw Error(ErrorCode::usage, fmt::format("the penalty for repeated tokens cannot be {}; it is above 0", repeat));
  const std::int32_t window = look_back(model, last_n);
  SamplerLink link("penalties",
                   llama_sampler_init_penalties(model.facts().n_vocab, window, repeat, frequency, presence));
  link.touches_few_ = true;
  link.look_back_ = static_cast<std::size_t>(window);
  return link;
}

SamplerLink SamplerLink::dry(const Model& model, float multiplier, float base, std::int32_t allowed_length,
                             std::int32_t last_n, const std::vector<std::string>& breakers) {
  numbers("dry", {multiplier, base});
  require_vocabulary(model, "dry");
  std::vector<const char*> words;
  for (const std::string& breaker : breakers) words.push_back(breaker.c_str());
  const std::int32_t window = look_back(model, last_n);
  SamplerLink link("dry", llama_sampler_init_dry(model.vocab().handle(), multiplier, base, allowed_length, window,
                                                 words.data(), words.size()));
  link.touches_few_ = true;
  link.look_back_ = static_cast<std::size_t>(window);
  return link;
}

SamplerLink SamplerLink::logit_bias(const Model& model, const std::vector<LogitBias>& biases) {
  const std::int32_t n_vocab = model.facts().n_vocab;
  std::vector<llama_logit_bias> values;
  for (const LogitBias& bias : biases) {
    if (bias.token < 0 || bias.token >= n_vocab) {
      throw Error(ErrorCode::usage,
                  fmt::format("there is no token {} to be biased; the model has {}", bias.token, n_vocab));
    }
    values.push_back({.token = bias.token, .bias = bias.bias});
  }
  SamplerLink link("logit_bias",
                   llama_sampler_init_logit_bias(n_vocab, static_cast<std::int32_t>(values.size()), values.data()));
  link.touches_few_ = true;
  for (const LogitBias& bias : biases) link.biased_.push_back(bias.token);
  return link;
}

SamplerLink SamplerLink::infill(const Model& model) {
  require_vocabulary(model, "infill");
  return {"infill", llama_sampler_init_infill(model.vocab().handle())};
}

SamplerLink SamplerLink::greedy() {
  SamplerLink link("greedy", llama_sampler_init_greedy());
  link.keeps_largest_ = 1;
  return link;
}

SamplerLink SamplerLink::dist(std::uint32_t seed) { return drawing("dist", seed, llama_sampler_init_dist); }

SamplerLink SamplerLink::mirostat(const Model& model, float tau, float eta, std::uint32_t seed) {
  numbers("mirostat", {tau, eta});
  return drawing("mirostat", seed, make_mirostat(model.facts().n_vocab, tau, eta));
}

SamplerLink SamplerLink::mirostat_v2(float tau, float eta, std::uint32_t seed) {
  numbers("mirostat_v2", {tau, eta});
  return drawing("mirostat_v2", seed, make_mirostat_v2(tau, eta));
}

SamplerLink SamplerLink::adaptive_p(float target, float decay, std::uint32_t seed) {
  numbers("adaptive_p", {target, decay});
  return drawing("adaptive_p", seed, make_adaptive_p(target, decay));
}

SamplerLink SamplerLink::custom(std::unique_ptr<CustomSampler> sampler) {
  if (!sampler) throw Error(ErrorCode::usage, "a custom sampler was expected, none was given");
  SamplerLink link(sampler->name());
  link.custom_ = std::move(sampler);
  return link;
}

SamplerLink SamplerLink::own(std::string name, std::unique_ptr<OwnSampler> sampler) {
  SamplerLink link(std::move(name));
  link.own_ = std::move(sampler);
  return link;
}

SamplerLink SamplerLink::clone() const {
  if (custom_) return custom(custom_->clone());
  SamplerLink copy(name_);
  if (native_) copy.native_.reset(llama_sampler_clone(native_.get()));
  if (own_) copy.own_ = own_->clone();
  copy.make_ = make_;
  copy.seed_ = seed_;
  copy.place_ = place_;
  copy.keeps_largest_ = keeps_largest_;
  copy.touches_few_ = touches_few_;
  copy.biased_ = biased_;
  copy.look_back_ = look_back_;
  copy.recent_ = recent_;
  return copy;
}

void SamplerLink::add_touched(std::vector<Token>& tokens) const {
  tokens.insert(tokens.end(), biased_.begin(), biased_.end());
  tokens.insert(tokens.end(), recent_.begin(), recent_.end());
}

void SamplerLink::begin_choice(std::uint64_t choice) noexcept {
  place_.choice = choice;
  place_.attempt = 0;
}

std::uint32_t SamplerLink::next_draw() noexcept {
  const std::uint32_t draw = seed_of_draw(seed_.value_or(0), place_);
  ++place_.attempt;
  return draw;
}

void SamplerLink::apply(llama_token_data_array& candidates) {
  if (custom_) {
    Candidates view(candidates);
    return custom_->apply(view);
  }
  if (own_) return own_->apply(candidates, next_draw());
  if (name_ == "typ_p") drop_forbidden(candidates);
  if (!make_) return llama_sampler_apply(native_.get(), &candidates);
  const std::unique_ptr<llama_sampler, Deleter> drawing(make_(next_draw()));
  llama_sampler_apply(drawing.get(), &candidates);
}

void SamplerLink::accept(Token token, bool chosen) {
  if (custom_) return custom_->accept(token);
  if (own_) return own_->accept(token, chosen);
  if (!native_) return;  // what draws remembers nothing
  try {
    llama_sampler_accept(native_.get(), token);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::usage, fmt::format("the sampler {} does not take token {}: {}", name_, token, error.what()));
  }
  if (look_back_ == 0) return;
  if (recent_.size() == look_back_) recent_.pop_front();
  recent_.push_back(token);
}

void SamplerLink::reset() {
  if (custom_) custom_->reset();
  if (own_) own_->reset();
  if (native_) llama_sampler_reset(native_.get());
  recent_.clear();
  begin_choice(0);
}

}  // namespace plimsoll::engine
