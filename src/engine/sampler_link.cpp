#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <plimsoll/base/error.hpp>
#include "engine/engine_log.hpp"
#include "engine/sampler_chain.hpp"

namespace plimsoll::engine {
namespace {

constexpr std::int32_t kMirostatWindow = 100;  // the paper's m, and llama.cpp's

void numbers(const char* link, std::initializer_list<float> values) {
  if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); }))
    throw Error(ErrorCode::usage, fmt::format("{} was given something that is no number", link));
}

void require_vocabulary(const Model& model, const char* link) {
  if (!model.vocab().present())
    throw Error(ErrorCode::unsupported, fmt::format("{} needs a model with a vocabulary", link));
}

std::int32_t look_back(const Model& model, std::int32_t last_n) {
  return last_n >= 0 ? last_n : static_cast<std::int32_t>(model.facts().n_ctx_train);
}

// -infinity among the candidates makes the engine's typical sampler compute 0 * infinity, and keep a set without
// meaning (seen: 14 forbidden tokens kept, likelier ones dropped).
void drop_forbidden(llama_token_data_array& candidates) {
  const std::span all(candidates.data, candidates.size);
  const auto forbidden = std::ranges::stable_partition(all, [](const auto& one) { return one.logit > -INFINITY; });
  if (forbidden.size() < all.size()) candidates.size -= forbidden.size();
}

}  // namespace

SamplerLink::SamplerLink(std::string name, Kind kind, llama_sampler* native, std::optional<std::uint32_t> seed)
    : name_(std::move(name)), kind_(kind), native_(native), seed_(seed) {
  if (native == nullptr && kind != Kind::own)
    throw Error(ErrorCode::usage, fmt::format("the engine does not make a {} sampler of these values", name_));
}

SamplerLink SamplerLink::top_k(std::int32_t k) {
  SamplerLink link("top_k", Kind::plain, llama_sampler_init_top_k(k));
  if (k > 0) link.keeps_largest_ = static_cast<std::size_t>(k);
  return link;
}

SamplerLink SamplerLink::top_p(float p, std::size_t min_keep) {
  numbers("top_p", {p});
  return {"top_p", Kind::plain, llama_sampler_init_top_p(p, min_keep)};
}

SamplerLink SamplerLink::min_p(float p, std::size_t min_keep) {
  numbers("min_p", {p});
  return {"min_p", Kind::plain, llama_sampler_init_min_p(p, min_keep)};
}

SamplerLink SamplerLink::typical(float p, std::size_t min_keep) {
  numbers("typical", {p});
  return {"typ_p", Kind::plain, llama_sampler_init_typical(p, min_keep)};
}

SamplerLink SamplerLink::top_n_sigma(float n) {
  numbers("top_n_sigma", {n});
  return {"top_n_sigma", Kind::plain, llama_sampler_init_top_n_sigma(n)};
}

SamplerLink SamplerLink::xtc(float probability, float threshold, std::size_t min_keep, std::uint32_t seed) {
  numbers("xtc", {probability, threshold});
  return {"xtc", Kind::draws, llama_sampler_init_xtc(probability, threshold, min_keep, seed), seed};
}

SamplerLink SamplerLink::temperature(float temperature, float range, float exponent) {
  numbers("temperature", {temperature, range, exponent});
  return {"temperature", Kind::plain, llama_sampler_init_temp_ext(temperature, range, exponent)};
}

SamplerLink SamplerLink::penalties(const Model& model, std::int32_t last_n, float repeat, float frequency,
                                   float presence) {
  numbers("penalties", {repeat, frequency, presence});
  if (repeat <= 0) throw Error(ErrorCode::usage, "the penalty for repeated tokens must be above 0");
  const std::int32_t window = look_back(model, last_n);
  SamplerLink link("penalties", Kind::plain,
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
  SamplerLink link("dry", Kind::plain,
                   llama_sampler_init_dry(model.vocab().handle(), multiplier, base, allowed_length, window,
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
  SamplerLink link("logit_bias", Kind::plain,
                   llama_sampler_init_logit_bias(n_vocab, static_cast<std::int32_t>(values.size()), values.data()));
  link.touches_few_ = true;
  for (const LogitBias& bias : biases) link.biased_.push_back(bias.token);
  return link;
}

SamplerLink SamplerLink::infill(const Model& model) {
  require_vocabulary(model, "infill");
  return {"infill", Kind::plain, llama_sampler_init_infill(model.vocab().handle())};
}

SamplerLink SamplerLink::grammar(const Model& model, const Grammar& grammar) {
  return {"grammar", Kind::plain, make_grammar(model, grammar)};
}

SamplerLink SamplerLink::greedy() {
  SamplerLink link("greedy", Kind::plain, llama_sampler_init_greedy());
  link.keeps_largest_ = 1;
  return link;
}

SamplerLink SamplerLink::dist(std::uint32_t seed) { return {"dist", Kind::draws, llama_sampler_init_dist(seed), seed}; }

SamplerLink SamplerLink::mirostat(const Model& model, float tau, float eta, std::uint32_t seed) {
  numbers("mirostat", {tau, eta});
  return {"mirostat", Kind::adapts, llama_sampler_init_mirostat(model.facts().n_vocab, seed, tau, eta, kMirostatWindow),
          seed};
}

SamplerLink SamplerLink::mirostat_v2(float tau, float eta, std::uint32_t seed) {
  numbers("mirostat_v2", {tau, eta});
  return {"mirostat_v2", Kind::adapts, llama_sampler_init_mirostat_v2(seed, tau, eta), seed};
}

SamplerLink SamplerLink::adaptive_p(float target, float decay, std::uint32_t seed) {
  numbers("adaptive_p", {target, decay});
  return {"adaptive_p", Kind::adapts, llama_sampler_init_adaptive_p(target, decay, seed), seed};
}

SamplerLink SamplerLink::custom(std::unique_ptr<CustomSampler> sampler) {
  if (!sampler) throw Error(ErrorCode::usage, "a custom sampler was expected, none was given");
  SamplerLink link(sampler->name(), Kind::own, nullptr);
  link.custom_ = std::move(sampler);
  return link;
}

SamplerLink SamplerLink::clone() const {
  if (custom_) return custom(custom_->clone());
  if (name_ == "adaptive_p")
    throw Error(ErrorCode::unsupported, "a sampler with adaptive_p cannot be cloned: the engine's copy draws anew");
  SamplerLink copy(name_, kind_, llama_sampler_clone(native_.get()), seed_);
  copy.draws_ = draws_;
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

void SamplerLink::apply(llama_token_data_array& candidates) {
  if (custom_) {
    Candidates view(candidates);
    custom_->apply(view);
    return;
  }
  if (name_ == "typ_p") drop_forbidden(candidates);
  if (kind_ == Kind::draws) ++(candidates.size == 1 ? draws_.of_one : draws_.of_several);
  llama_sampler_apply(native_.get(), &candidates);
}

void SamplerLink::accept(Token token) {
  if (custom_) {
    custom_->accept(token);
    return;
  }
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
  if (custom_) {
    custom_->reset();
  } else {
    llama_sampler_reset(native_.get());
  }
  recent_.clear();
  draws_ = {};
}

bool SamplerLink::can_skip() const noexcept { return kind_ == Kind::plain || kind_ == Kind::draws; }

// One choice takes as much of the generator as another, whatever it is from; in which order does not matter.
void SamplerLink::skip_draws(Draws draws) {
  const auto draw_from = [&](std::size_t candidates) {
    std::array<llama_token_data, 2> pair{{{.id = 0, .logit = 0, .p = 0}, {.id = 1, .logit = 0, .p = 0}}};
    llama_token_data_array any{.data = pair.data(), .size = candidates, .selected = -1, .sorted = false};
    llama_sampler_apply(native_.get(), &any);
  };
  for (std::uint64_t i = 0; i < draws.of_one; ++i) draw_from(1);
  for (std::uint64_t i = 0; i < draws.of_several; ++i) draw_from(2);
  draws_ = {.of_one = draws_.of_one + draws.of_one, .of_several = draws_.of_several + draws.of_several};
}

}  // namespace plimsoll::engine
