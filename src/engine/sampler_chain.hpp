// SamplerChain: llama.cpp's samplers and one's own, in a row. Each sees what the one before it left; the last chooses.
#pragma once
#include <llama.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <plimsoll/engine/sampling.hpp>
#include "engine/draw_seed.hpp"
#include "engine/model.hpp"
#include "engine/own_sampler.hpp"

namespace plimsoll::engine {

// GBNF, and where it begins. Without triggers it holds from the first token on: see SamplingParams.
struct Grammar {
  std::string gbnf{};
  std::string root = "root";
  std::vector<std::string> trigger_patterns{};
  std::vector<Token> trigger_tokens{};
};

// One link. Move-only. Numbers that mean nothing throw Error{usage}; links that read the vocabulary throw
// Error{unsupported} where the model has none, and must not outlive the model.
class SamplerLink {
 public:
  // What narrows or changes.
  [[nodiscard]] static SamplerLink top_k(std::int32_t k);
  [[nodiscard]] static SamplerLink top_p(float p, std::size_t min_keep = 1);
  [[nodiscard]] static SamplerLink min_p(float p, std::size_t min_keep = 1);
  [[nodiscard]] static SamplerLink typical(float p, std::size_t min_keep = 1);
  [[nodiscard]] static SamplerLink top_n_sigma(float n);
  [[nodiscard]] static SamplerLink xtc(float probability, float threshold, std::size_t min_keep, std::uint32_t seed);
  [[nodiscard]] static SamplerLink temperature(float temperature, float range = 0, float exponent = 1);
  [[nodiscard]] static SamplerLink penalties(const Model& model, std::int32_t last_n, float repeat, float frequency,
                                             float presence);
  [[nodiscard]] static SamplerLink dry(const Model& model, float multiplier, float base, std::int32_t allowed_length,
                                       std::int32_t last_n, const std::vector<std::string>& breakers);
  [[nodiscard]] static SamplerLink logit_bias(const Model& model, const std::vector<LogitBias>& biases);
  [[nodiscard]] static SamplerLink infill(const Model& model);
  // What chooses: the last link of a chain.
  [[nodiscard]] static SamplerLink greedy();
  [[nodiscard]] static SamplerLink dist(std::uint32_t seed);
  [[nodiscard]] static SamplerLink mirostat(const Model& model, float tau, float eta, std::uint32_t seed);
  [[nodiscard]] static SamplerLink mirostat_v2(float tau, float eta, std::uint32_t seed);
  [[nodiscard]] static SamplerLink adaptive_p(float target, float decay, std::uint32_t seed);

  [[nodiscard]] static SamplerLink custom(std::unique_ptr<CustomSampler> sampler);
  [[nodiscard]] static SamplerLink own(std::string name, std::unique_ptr<OwnSampler> sampler);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // "top_k", "dist" ...
  [[nodiscard]] SamplerLink clone() const;                                  // with all it has become
  // What is drawn depends on the seed, on which choice of the answer this is, and on how often it has been made.
  void begin_choice(std::uint64_t choice) noexcept;
  void apply(llama_token_data_array& candidates);
  void accept(Token token, bool chosen);  // `chosen`: it is of the answer
  void reset();

  [[nodiscard]] std::optional<std::uint32_t> seed() const noexcept { return seed_; }  // of those that draw
  // What does not follow from the accepted tokens: see OwnSampler.
  [[nodiscard]] std::vector<float> averages() const { return own_ ? own_->averages() : std::vector<float>{}; }
  void set_averages(std::span<const float> averages) { own_->set_averages(averages); }  // as many

  // For who need not list the whole vocabulary. How many of the largest logits it keeps, whatever the others are: 1 for
  // greedy, k for top_k; empty: it looks at all.
  [[nodiscard]] std::optional<std::size_t> keeps_largest() const noexcept { return keeps_largest_; }
  // Whether it changes no logits but those of add_touched(), each by itself: biases, penalties, DRY.
  [[nodiscard]] bool touches_few() const noexcept { return touches_few_; }
  void add_touched(std::vector<Token>& tokens) const;

 private:
  using Make = std::function<llama_sampler*(std::uint32_t seed)>;
  struct Deleter {
    void operator()(llama_sampler* sampler) const noexcept { llama_sampler_free(sampler); }
  };
  SamplerLink(std::string name, llama_sampler* native);
  explicit SamplerLink(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] static SamplerLink drawing(std::string name, std::uint32_t seed, Make make);
  [[nodiscard]] static SamplerLink drawing(std::string name, std::uint32_t seed, std::unique_ptr<OwnSampler> sampler);
  [[nodiscard]] std::uint32_t next_draw() noexcept;

  std::string name_;
  std::unique_ptr<llama_sampler, Deleter> native_;  // one of these four
  Make make_;                                       // anew for each draw: the engine has no other way to seed it
  std::unique_ptr<OwnSampler> own_;
  std::unique_ptr<CustomSampler> custom_;
  std::optional<std::uint32_t> seed_;
  DrawPlace place_;
  std::optional<std::size_t> keeps_largest_;
  bool touches_few_ = false;
  std::vector<Token> biased_;
  std::size_t look_back_ = 0;  // accepted tokens that it may touch
  std::deque<Token> recent_;   // those
};

// Move-only; one thread.
class SamplerChain {
 public:
  SamplerChain& add(SamplerLink link);
  SamplerChain& add(std::unique_ptr<CustomSampler> sampler) { return add(SamplerLink::custom(std::move(sampler))); }
  SamplerChain& insert(std::size_t before, SamplerLink link);  // throws Error{usage} beyond the end; the same below
  SamplerLink remove(std::size_t index);

  [[nodiscard]] std::size_t size() const noexcept { return links_.size(); }
  [[nodiscard]] std::span<const SamplerLink> links() const noexcept { return links_; }
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::optional<std::uint32_t> seed() const;  // of the last link that has one
  [[nodiscard]] SamplerChain clone() const;

  // All links in turn, or those from the given one on. Throws Error{usage} where none of them selected a token.
  void apply(llama_token_data_array& candidates, std::size_t from = 0);
  // The first `count` links: those that touch few.
  void apply_first(llama_token_data_array& candidates, std::size_t count);
  // The last link alone, where it is one that may be asked again without harm (greedy, dist). false: it is not.
  [[nodiscard]] bool choose_again(llama_token_data_array& candidates);
  // Before apply(): the choice of the answer's so-manieth token.
  void begin_choice(std::uint64_t choice) noexcept;
  void accept(Token token, bool chosen);
  void reset();
  // Of all links, in their order.
  [[nodiscard]] std::vector<float> averages() const;
  void set_averages(std::span<const float> averages);  // throws Error{usage} for another number of them, or none

 private:
  std::vector<SamplerLink> links_;
};

// The chain that the parameters declare, in llama.cpp's way (grammar apart). `params.seed` is taken as it is.
[[nodiscard]] SamplerChain make_chain(const Model& model, const SamplingParams& params);

// Throws Error: usage (it does not parse, or a trigger pattern is not a regular expression), unsupported (no
// vocabulary).
[[nodiscard]] llama_sampler* make_grammar(const Model& model, const Grammar& grammar);

}  // namespace plimsoll::engine
