#include "engine/adaptive_samplers.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace plimsoll::engine {
namespace {

struct FreeSampler {
  void operator()(llama_sampler* sampler) const noexcept { llama_sampler_free(sampler); }
};

std::span<llama_token_data> all(const llama_token_data_array& candidates) { return {candidates.data, candidates.size}; }

// What is forbidden has no surprise to compute with. Where everything is, all of it stays.
void drop_forbidden(llama_token_data_array& candidates) {
  const auto forbidden = std::ranges::partition(all(candidates), [](const auto& one) { return one.logit > -INFINITY; });
  if (forbidden.size() < candidates.size) candidates.size -= forbidden.size();
}

// The one order that any list of them has, however it came in.
bool before(const llama_token_data& a, const llama_token_data& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

void sort_first(llama_token_data_array& candidates, std::size_t count) {
  const std::span rows = all(candidates);
  std::ranges::partial_sort(rows, rows.begin() + static_cast<std::ptrdiff_t>(std::min(count, rows.size())), before);
}

void keep(llama_token_data_array& candidates, std::size_t count) {
  sort_first(candidates, count);
  candidates.size = std::min(count, candidates.size);
  candidates.sorted = true;
}

void compute_probabilities(llama_token_data_array& candidates) {
  const std::span rows = all(candidates);
  const float largest = std::ranges::max(rows, {}, &llama_token_data::logit).logit;
  float sum = 0;
  for (llama_token_data& one : rows) sum += one.p = std::exp(one.logit - largest);
  for (llama_token_data& one : rows) one.p /= sum;
}

// Selects one by the engine's own way of drawing, and leaves the probabilities that it drew from.
const llama_token_data& draw_one(llama_token_data_array& candidates, std::uint32_t seed) {
  const std::unique_ptr<llama_sampler, FreeSampler> dist(llama_sampler_init_dist(seed));
  llama_sampler_apply(dist.get(), &candidates);
  return candidates.data[candidates.selected];
}

// A choice may be made again under a grammar, so only what is accepted moves the average.
class Drawn {
 public:
  void remember(Token token, float probability) { last_ = {token, probability}; }
  void forget() { last_ = {kNoToken, 0}; }
  // The probability, where it was this token.
  [[nodiscard]] std::optional<float> take(Token token, bool chosen) {
    const auto [drawn, probability] = std::exchange(last_, {kNoToken, 0});
    if (!chosen || drawn != token || drawn == kNoToken) return std::nullopt;
    return probability;
  }

 private:
  std::pair<Token, float> last_{kNoToken, 0};
};

class AnyMirostat : public OwnSampler {
 public:
  AnyMirostat(float tau, float eta) : tau_(tau), eta_(eta), bound_(first_bound()) {}

  void apply(llama_token_data_array& candidates, std::uint32_t draw) final {
    drop_forbidden(candidates);
    narrow(candidates, bound_);
    const llama_token_data& chosen = draw_one(candidates, draw);
    drawn_.remember(chosen.id, chosen.p);
  }
  void accept(Token token, bool chosen) final {
    if (const auto probability = drawn_.take(token, chosen)) bound_ -= eta_ * (-std::log2(*probability) - tau_);
  }
  void reset() final {
    drawn_.forget();
    bound_ = first_bound();
  }
  [[nodiscard]] std::vector<float> averages() const final { return {bound_}; }
  void set_averages(std::span<const float> averages) final { bound_ = averages.front(); }

 private:
  virtual void narrow(llama_token_data_array& candidates, float bound) const = 0;
  [[nodiscard]] float first_bound() const { return 2 * tau_; }

  float tau_;
  float eta_;
  float bound_;  // the paper's mu
  Drawn drawn_;
};

class Mirostat final : public AnyMirostat {
 public:
  Mirostat(std::int32_t n_vocab, float tau, float eta) : AnyMirostat(tau, eta), n_vocab_(static_cast<float>(n_vocab)) {}

  [[nodiscard]] std::unique_ptr<OwnSampler> clone() const override { return std::make_unique<Mirostat>(*this); }

 private:
  static constexpr std::size_t kWindow = 100;  // the paper's m, and llama.cpp's

  void narrow(llama_token_data_array& candidates, float bound) const override {
    sort_first(candidates, kWindow);
    const float exponent = exponent_of(all(candidates));
    const float above_one = exponent - 1;
    const float left = std::pow(above_one * std::exp2(bound) / (1 - std::pow(n_vocab_, -above_one)), 1 / exponent);
    // Without a number (a single candidate, a flat top) one is left, as in the engine.
    const auto most = static_cast<float>(candidates.size);
    keep(candidates, left >= most ? candidates.size : left >= 1 ? static_cast<std::size_t>(left) : 1);
  }

  // Of the power law that the likeliest ones follow best.
  [[nodiscard]] static float exponent_of(std::span<const llama_token_data> sorted) {
    float products = 0;
    float squares = 0;
    for (std::size_t i = 0; i + 1 < std::min(kWindow, sorted.size()); ++i) {
      const float rank = std::log(static_cast<float>(i + 2) / static_cast<float>(i + 1));
      products += rank * (sorted[i].logit - sorted[i + 1].logit);
      squares += rank * rank;
    }
    return products / squares;
  }

  float n_vocab_;
};

class MirostatV2 final : public AnyMirostat {
 public:
  using AnyMirostat::AnyMirostat;

  [[nodiscard]] std::unique_ptr<OwnSampler> clone() const override { return std::make_unique<MirostatV2>(*this); }

 private:
  void narrow(llama_token_data_array& candidates, float bound) const override {
    compute_probabilities(candidates);
    const std::span rows = all(candidates);
    const auto surprising = std::ranges::partition(rows, [&](const auto& one) { return !(-std::log2(one.p) > bound); });
    const std::size_t left = rows.size() - surprising.size();
    if (left == 0) return keep(candidates, 1);
    candidates.size = left;
    keep(candidates, left);
  }
};

class AdaptiveP final : public OwnSampler {
 public:
  AdaptiveP(float target, float decay) : target_(target), decay_(std::clamp(decay, 0.0F, 0.99F)) { begin(); }

  void apply(llama_token_data_array& candidates, std::uint32_t draw) override {
    compute_probabilities(candidates);
    // So far off the target as the mean is on the other side.
    const float mean = weighted_sum_ / total_weight_;
    const float wanted = std::clamp((2 * std::min(target_, 1.0F)) - mean, 0.0F, 1.0F);
    original_.clear();
    for (llama_token_data& one : all(candidates)) {
      original_.push_back(one.p);
      if (one.logit > -INFINITY) one.logit = preference(one.p, wanted);
    }
    candidates.sorted = false;
    const llama_token_data& chosen = draw_one(candidates, draw);
    drawn_.remember(chosen.id, original_[static_cast<std::size_t>(candidates.selected)]);
  }
  void accept(Token token, bool chosen) override {
    if (const auto probability = drawn_.take(token, chosen)) {
      weighted_sum_ = *probability + (decay_ * weighted_sum_);
      total_weight_ = 1 + (decay_ * total_weight_);
    }
  }
  void reset() override { begin(); }
  [[nodiscard]] std::unique_ptr<OwnSampler> clone() const override { return std::make_unique<AdaptiveP>(*this); }
  [[nodiscard]] std::vector<float> averages() const override { return {weighted_sum_, total_weight_}; }
  void set_averages(std::span<const float> averages) override {
    weighted_sum_ = averages[0];
    total_weight_ = averages[1];
  }

 private:
  // llama.cpp's numbers: a parabola around what is wanted, that becomes a line further off.
  [[nodiscard]] static float preference(float probability, float wanted) {
    constexpr float kPeak = 5;
    constexpr float kSharpness = 10;
    constexpr float kWidth = 0.3F;
    const float distance = std::abs(probability - wanted) * (1 / kWidth);
    return kPeak - (kSharpness * distance * distance / (1 + distance));
  }

  void begin() {
    weighted_sum_ = target_ / (1 - decay_);
    total_weight_ = 1 / (1 - decay_);
    drawn_.forget();
  }

  float target_;
  float decay_;
  float weighted_sum_ = 0;  // of the chosen tokens' probabilities, older ones less
  float total_weight_ = 0;
  std::vector<float> original_;  // probabilities of the candidates, in their order
  Drawn drawn_;
};

}  // namespace

std::unique_ptr<OwnSampler> make_mirostat(std::int32_t n_vocab, float tau, float eta) {
  return std::make_unique<Mirostat>(n_vocab, tau, eta);
}

std::unique_ptr<OwnSampler> make_mirostat_v2(float tau, float eta) { return std::make_unique<MirostatV2>(tau, eta); }

std::unique_ptr<OwnSampler> make_adaptive_p(float target, float decay) {
  return std::make_unique<AdaptiveP>(target, decay);
}

}  // namespace plimsoll::engine
