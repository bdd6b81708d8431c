#include "run/speculative.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include <plimsoll/base/error.hpp>

#include "run/decode_failure.hpp"

namespace plimsoll::run {
namespace {

bool same_vocabulary(const engine::Model& one, const engine::Model& other) {
  if (one.facts().n_vocab != other.facts().n_vocab) return false;
  const engine::Vocab a = one.vocab();
  const engine::Vocab b = other.vocab();
  if (!a.present() || !b.present()) return a.present() == b.present();
  for (engine::Token token = 0; token < a.n_tokens(); ++token) {
    if (a.piece(token, true) != b.piece(token, true)) return false;
  }
  return a.bos() == b.bos() && a.eos() == b.eos();
}

void require_usable(const Conversation& target, const Conversation& draft, const GenerationParams& params) {
  require_draft(*target.instance().model(), target.instance().name(), *draft.instance().model(),
                draft.instance().name());
  if (target.instance().plan().dry_run.outputs < 2) {
    throw Error(ErrorCode::usage, fmt::format("'{}' was planned for one row of logits; checking proposals needs more: "
                                              "plan it with --outputs 9",
                                              target.instance().name()));
  }
  const ContextOverflow overflow = params.overflow.strategy;
  if (overflow == ContextOverflow::shift || overflow == ContextOverflow::reprefill)
    throw Error(ErrorCode::usage, "speculation ends where the context is full, and forgets nothing");
}

}  // namespace

plan::Request plan_with_draft(plan::Request& target, std::string draft_file, const SpeculationParams& speculation) {
  if (!(speculation.least_probability >= 0) || speculation.least_probability > 1) {
    throw Error(ErrorCode::usage,
                fmt::format("--draft-p-min cannot be {}; it is a probability", speculation.least_probability));
  }
  engine::ContextParams& context = target.dry_run.context;
  if (speculation.most < 1 || speculation.most >= context.n_batch) {
    throw Error(ErrorCode::usage, fmt::format("--draft-max {} needs batches of {} tokens, and --batch-size is {}",
                                              speculation.most, speculation.most + 1, context.n_batch));
  }
  plan::Request draft{.name = target.name + "-draft", .dry_run = target.dry_run, .compute_group = target.compute_group};
  draft.dry_run.model.path = std::move(draft_file);
  draft.dry_run.adapters.clear();
  draft.dry_run.control_vector = {};
  draft.dry_run.projector = {};
  const auto rows = static_cast<std::uint32_t>(
      std::min<std::size_t>((speculation.most + 1) * std::max(1U, context.n_seq_max), context.n_batch));
  context.n_outputs_max = std::max(context.n_outputs_max, rows);
  return draft;
}

void require_draft(const engine::Model& target, std::string_view target_name, const engine::Model& draft,
                   std::string_view draft_name) {
  const engine::ModelFacts& facts = target.facts();
  if (facts.is_recurrent || facts.is_hybrid || facts.has_encoder) {
    throw Error(
        ErrorCode::unsupported,
        fmt::format("'{}' cannot take tokens back from its memory, which checking proposals needs", target_name));
  }
  if (!same_vocabulary(target, draft))
    throw Error(ErrorCode::usage, fmt::format("'{}' and '{}' have not the same vocabulary", target_name, draft_name));
}

SpeculativeGeneration::SpeculativeGeneration(Conversation& target, Conversation& draft, GenerationParams params,
                                             SpeculationParams speculation)
    : target_(target),
      draft_(draft),
      params_(std::move(params)),
      speculation_(speculation),
      sampler_(params_.sampler ? params_.sampler
                               : std::make_shared<engine::Sampler>(*target.instance().model(), params_.sampling)),
      draft_sampler_(*draft.instance().model(), engine::SamplingParams{.temperature = 0}),
      text_(params_.stop_strings, params_.keep_stop_string) {
  require_usable(target_, draft_, params_);
  if (params_.prompt.empty() && target_.size() == 0) throw Error(ErrorCode::usage, "the prompt is empty");
  if (!params_.prompt.empty()) target_.prompt(params_.prompt);
  if (target_.room() == 0) {
    const std::size_t needed = static_cast<std::size_t>(target_.next_position()) + 1;
    target_.rewind(params_.prompt.size());
    throw Error(ErrorCode::context_overflow, "the prompt leaves no room to answer",
                {{"needed", needed}, {"available", target_.capacity()}});
  }
}

// False: cancelled.
bool SpeculativeGeneration::decode(Conversation& conversation) {
  const engine::DecodeStatus status = conversation.infer(params_.stop, {}, params_.waiting);
  if (status == engine::DecodeStatus::aborted) {
    reason_ = FinishReason::cancelled;
    return false;
  }
  require_decoded(status, fmt::format("decoding on '{}'", conversation.instance().name()), conversation.instance());
  return true;
}

bool SpeculativeGeneration::take(engine::Token token, std::size_t back) {
  const engine::Vocab vocab = target_.instance().model()->vocab();
  if (!params_.ignore_end_of_generation && vocab.is_end_of_generation(token)) {
    reason_ = FinishReason::end_of_generation;
    end_token_ = token;
    return false;
  }
  if (params_.on_token)
    params_.on_token(token, params_.on_token_reads_logits ? target_.logits(back) : std::span<const float>{});
  tokens_.push_back(token);
  ready_ += text_.push(vocab.present() ? vocab.piece(token, params_.show_special) : fmt::format("{} ", token));
  if (text_.stopped()) reason_ = FinishReason::stop_string;
  const bool enough = params_.predict >= 0 && std::cmp_greater_equal(tokens_.size(), params_.predict);
  if (enough && reason_ == FinishReason::running) reason_ = FinishReason::length;
  return reason_ == FinishReason::running;
}

// The prompt's own token, before anything was proposed.
void SpeculativeGeneration::begin() {
  begun_ = true;
  if (!target_.requires_inference() && !target_.has_logits()) target_.refresh();
  timing_.prompt_tokens = static_cast<std::int32_t>(target_.waiting());
  const Stopwatch watch;
  const bool decoded = decode(target_);
  if (target_.has_logits()) (void)target_.logits();  // a device is at work until they are there
  timing_.prompt_ms = watch.elapsed_ms();
  if (!decoded) return;
  for (const engine::Token token : target_.tokens()) {
    if (token >= 0 && !params_.sampler) sampler_->accept(token);
  }
  if (params_.predict == 0) {
    reason_ = FinishReason::length;
    return;
  }
  (void)take(target_.sample(*sampler_), 0);
}

// How many tokens still fit behind the one that was chosen last and is not in memory yet.
std::size_t SpeculativeGeneration::room() const {
  const std::size_t left = target_.room();
  return left > 0 ? left - 1 : 0;
}

std::vector<engine::Token> SpeculativeGeneration::propose() {
  std::vector<engine::Token> history = target_.tokens();
  history.push_back(tokens_.back());
  const std::size_t rows = target_.instance().plan().dry_run.outputs - 1;
  std::size_t most = std::min({speculation_.most, rows, room()});
  // Checking n proposals gives up to n + 1 tokens.
  if (params_.predict >= 0) most = std::min(most, static_cast<std::size_t>(params_.predict) - tokens_.size() - 1);
  std::vector<engine::Token> proposed;
  if (history.size() + most > draft_.capacity()) return proposed;  // the draft's context ends before the target's
  draft_.replace(history);
  while (proposed.size() < most) {
    if (!decode(draft_)) return {};
    const engine::Token token = draft_.sample(draft_sampler_);
    const auto logits = draft_.logits();
    const float chosen = logits[static_cast<std::size_t>(token)];
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit - chosen));
    if (1 / sum < speculation_.least_probability) break;
    proposed.push_back(token);
    if (proposed.size() < most) draft_.prompt(token);
  }
  return proposed;
}

// Decodes the last token and all proposals at once, and keeps what the target would have chosen.
void SpeculativeGeneration::check(std::vector<engine::Token> proposed) {
  counts_.proposed += proposed.size();
  std::vector<engine::Token> batch{tokens_.back()};
  batch.insert(batch.end(), proposed.begin(), proposed.end());
  target_.prompt_all_logits(batch);
  if (!decode(target_)) {
    target_.rewind(batch.size());
    return;
  }
  std::size_t kept = 0;
  for (;;) {
    const std::size_t back = proposed.size() - kept;
    const engine::Token token = target_.sample(*sampler_, back);
    const bool agrees = back > 0 && proposed[kept] == token;
    if (!take(token, back) || !agrees) break;
    ++kept;
    ++counts_.accepted;
  }
  target_.rewind(proposed.size() - kept);
}

// As after a Generation: the last token waits in the target's conversation, where there is room for it. Before the
// model's own end it is in memory already: the end was chosen from the logits after it.
void SpeculativeGeneration::settle() {
  if (target_.room() == 0) return;
  if (reason_ == FinishReason::end_of_generation) {
    if (params_.keep_end_token) target_.prompt(end_token_);
  } else if (!tokens_.empty()) {
    target_.prompt(tokens_.back());
  }
}

std::optional<std::string> SpeculativeGeneration::next() {
  const Stopwatch watch;
  const double prompt_before = timing_.prompt_ms;
  while (ready_.empty() && reason_ == FinishReason::running) {
    if (params_.stop.stop_requested()) {
      reason_ = FinishReason::cancelled;
    } else if (!begun_) {
      begin();
    } else if (target_.room() == 0) {
      reason_ = FinishReason::length;
      break;
    } else {
      check(propose());
    }
    if (reason_ != FinishReason::running) {
      settle();
      ready_ += text_.finish();
    }
  }
  timing_.generated_tokens = static_cast<std::int32_t>(tokens_.size());
  timing_.generate_ms += watch.elapsed_ms() - (timing_.prompt_ms - prompt_before);
  if (ready_.empty()) return std::nullopt;
  return std::exchange(ready_, {});
}

}  // namespace plimsoll::run
