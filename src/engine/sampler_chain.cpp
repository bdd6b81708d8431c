#include "engine/sampler_chain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ranges>

#include <plimsoll/base/error.hpp>
#include "engine/answer_limits.hpp"
#include "engine/engine_log.hpp"

namespace plimsoll::engine {
namespace {

[[noreturn]] void no_such_link(std::size_t index, std::size_t size) {
  throw Error(ErrorCode::usage, fmt::format("the chain has {} links, there is no place {}", size, index));
}

// Where nothing but the order of logits decides, the samplers that keep the largest need not run.
bool keeps_the_largest(std::string_view name) {
  return name == "top_k" || name == "top_p" || name == "min_p" || name == "top_n_sigma" || name == "temperature";
}

class ChainMaker {
 public:
  ChainMaker(const Model& model, const SamplingParams& params) : model_(model), params_(params) {}

  SamplerChain make() && {
    add_biases();
    add_limits();
    if (params_.mirostat != 0) {
      add_mirostat();
      return std::move(chain_);
    }
    const bool greedy = params_.temperature <= 0;
    const bool order_alone = greedy && !reshapes();
    for (const std::string& given : params_.samplers) {
      const std::string name = sampler_from_name(given);
      if (order_alone && keeps_the_largest(name)) continue;
      if (greedy && name == "temperature") continue;
      add(name);
    }
    add_choosing(greedy);
    return std::move(chain_);
  }

 private:
  // Those after which the largest logit may be gone.
  [[nodiscard]] bool reshapes() const {
    return std::ranges::any_of(params_.samplers, [&](const std::string& given) {
      const std::string name = sampler_from_name(given);
      return name == "infill" || (name == "xtc" && params_.xtc_probability > 0) ||
             (name == "typ_p" && params_.typical_p < 1);
    });
  }

  void add_biases() {
    std::vector<LogitBias> biases = params_.logit_bias;
    if (params_.ignore_eos) {
      const Vocab vocab = model_.vocab();
      for (Token token = 0; token < vocab.n_tokens(); ++token) {
        if (vocab.is_end_of_generation(token))
          biases.push_back({.token = token, .bias = -std::numeric_limits<float>::infinity()});
      }
    }
    if (!biases.empty()) chain_.add(SamplerLink::logit_bias(model_, biases));
  }

  void add_limits() {
    if (params_.least_tokens > 0)
      chain_.add(SamplerLink::own("least-tokens", make_least_tokens(model_, params_.least_tokens)));
    if (params_.thought_tokens >= 0 && !params_.thought_end.empty())
      chain_.add(SamplerLink::own("thought-limit", make_thought_limit(model_, {.tokens = params_.thought_tokens,
                                                                               .begin = params_.thought_begin,
                                                                               .end = params_.thought_end,
                                                                               .is_open = params_.thought_is_open})));
  }

  void add_mirostat() {
    chain_.add(SamplerLink::temperature(params_.temperature));
    chain_.add(params_.mirostat == 1
                   ? SamplerLink::mirostat(model_, params_.mirostat_tau, params_.mirostat_eta, params_.seed)
                   : SamplerLink::mirostat_v2(params_.mirostat_tau, params_.mirostat_eta, params_.seed));
  }

  void add(std::string_view name) {
    const SamplingParams& p = params_;
    const bool penalties = p.penalty_repeat != 1.0F || p.penalty_frequency != 0 || p.penalty_presence != 0;
    if (name == "penalties" && penalties && p.penalty_last_n != 0) {
      chain_.add(
          SamplerLink::penalties(model_, p.penalty_last_n, p.penalty_repeat, p.penalty_frequency, p.penalty_presence));
    }
    if (name == "dry" && p.dry_multiplier > 0 && p.dry_last_n != 0) {
      chain_.add(SamplerLink::dry(model_, p.dry_multiplier, p.dry_base, p.dry_allowed_length, p.dry_last_n,
                                  p.dry_sequence_breakers));
    }
    if (name == "top_n_sigma" && p.top_n_sigma > 0) chain_.add(SamplerLink::top_n_sigma(p.top_n_sigma));
    if (name == "top_k" && p.top_k > 0) chain_.add(SamplerLink::top_k(p.top_k));
    if (name == "typ_p" && p.typical_p < 1) chain_.add(SamplerLink::typical(p.typical_p, p.min_keep));
    if (name == "top_p" && p.top_p < 1) chain_.add(SamplerLink::top_p(p.top_p, p.min_keep));
    if (name == "min_p" && p.min_p > 0) chain_.add(SamplerLink::min_p(p.min_p, p.min_keep));
    if (name == "xtc" && p.xtc_probability > 0)
      chain_.add(SamplerLink::xtc(p.xtc_probability, p.xtc_threshold, p.min_keep, p.seed));
    if (name == "temperature")
      chain_.add(SamplerLink::temperature(p.temperature, p.dynatemp_range, p.dynatemp_exponent));
    if (name == "infill") chain_.add(SamplerLink::infill(model_));
  }

  void add_choosing(bool greedy) {
    if (greedy) {
      chain_.add(SamplerLink::greedy());
    } else if (params_.adaptive_target >= 0) {
      chain_.add(SamplerLink::adaptive_p(params_.adaptive_target, params_.adaptive_decay, params_.seed));
    } else {
      chain_.add(SamplerLink::dist(params_.seed));
    }
  }

  const Model& model_;
  const SamplingParams& params_;
  SamplerChain chain_;
};

}  // namespace

SamplerChain& SamplerChain::add(SamplerLink link) {
  links_.push_back(std::move(link));
  return *this;
}

SamplerChain& SamplerChain::insert(std::size_t before, SamplerLink link) {
  if (before > links_.size()) no_such_link(before, links_.size());
  links_.insert(links_.begin() + static_cast<std::ptrdiff_t>(before), std::move(link));
  return *this;
}

SamplerLink SamplerChain::remove(std::size_t index) {
  if (index >= links_.size()) no_such_link(index, links_.size());
  SamplerLink link = std::move(links_[index]);
  links_.erase(links_.begin() + static_cast<std::ptrdiff_t>(index));
  return link;
}

std::vector<std::string> SamplerChain::names() const {
  return links_ | std::views::transform(&SamplerLink::name) | std::ranges::to<std::vector<std::string>>();
}

std::optional<std::uint32_t> SamplerChain::seed() const {
  for (const SamplerLink& link : links_ | std::views::reverse) {
    if (link.seed()) return link.seed();
  }
  return std::nullopt;
}

SamplerChain SamplerChain::clone() const {
  SamplerChain copy;
  for (const SamplerLink& link : links_) copy.add(link.clone());
  return copy;
}

void SamplerChain::apply_first(llama_token_data_array& candidates, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) links_[i].apply(candidates);
}

void SamplerChain::apply(llama_token_data_array& candidates, std::size_t from) {
  for (std::size_t i = from; i < links_.size(); ++i) links_[i].apply(candidates);
  if (candidates.selected < 0 || std::cmp_greater_equal(candidates.selected, candidates.size)) {
    throw Error(ErrorCode::usage, "no link of the sampler chain chooses a token; end it with one that does, e.g. dist");
  }
}

bool SamplerChain::choose_again(llama_token_data_array& candidates) {
  if (links_.empty() || (links_.back().name() != "greedy" && links_.back().name() != "dist")) return false;
  links_.back().apply(candidates);
  return true;
}

void SamplerChain::begin_choice(std::uint64_t choice) noexcept {
  for (SamplerLink& link : links_) link.begin_choice(choice);
}

void SamplerChain::accept(Token token, bool chosen) {
  for (SamplerLink& link : links_) link.accept(token, chosen);
}

void SamplerChain::reset() {
  for (SamplerLink& link : links_) link.reset();
}

std::vector<float> SamplerChain::averages() const {
  std::vector<float> all;
  for (const SamplerLink& link : links_) all.append_range(link.averages());
  return all;
}

void SamplerChain::set_averages(std::span<const float> averages) {
  const std::size_t needed = this->averages().size();
  if (averages.size() != needed || !std::ranges::all_of(averages, [](float one) { return std::isfinite(one); }))
    throw Error(ErrorCode::usage, fmt::format("the sampler keeps {} averages, {} were given, or one is not a number",
                                              needed, averages.size()));
  for (SamplerLink& link : links_) {
    const std::size_t of_link = link.averages().size();
    if (of_link == 0) continue;
    link.set_averages(averages.first(of_link));
    averages = averages.subspan(of_link);
  }
}

SamplerChain make_chain(const Model& model, const SamplingParams& params) {
  validate(params);
  return ChainMaker(model, params).make();
}

llama_sampler* make_grammar(const Model& model, const Grammar& grammar) {
  if (!model.vocab().present()) throw Error(ErrorCode::unsupported, "a grammar needs a model with a vocabulary");
  std::vector<const char*> patterns;
  for (const std::string& pattern : grammar.trigger_patterns) patterns.push_back(pattern.c_str());
  const bool lazy = !patterns.empty() || !grammar.trigger_tokens.empty();
  const EngineLogListener heard;
  llama_sampler* made = nullptr;
  try {
    made = lazy ? llama_sampler_init_grammar_lazy_patterns(model.vocab().handle(), grammar.gbnf.c_str(),
                                                           grammar.root.c_str(), patterns.data(), patterns.size(),
                                                           grammar.trigger_tokens.data(), grammar.trigger_tokens.size())
                : llama_sampler_init_grammar(model.vocab().handle(), grammar.gbnf.c_str(), grammar.root.c_str());
  } catch (const std::exception& error) {  // not a regular expression
    throw Error(ErrorCode::usage, fmt::format("the grammar's trigger cannot be read: {}", error.what()));
  }
  if (made == nullptr) {
    // What the engine says of it is that it failed.
    throw Error(ErrorCode::usage, fmt::format("the grammar cannot be read: it is not GBNF, has no rule '{}', or uses a "
                                              "rule that it does not define",
                                              grammar.root));
  }
  return made;
}

}  // namespace plimsoll::engine
