#include <plimsoll/run/generation.hpp>

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>

namespace plimsoll::run {

std::string_view to_string(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::running:
      return "running";
    case FinishReason::end_of_generation:
      return "end_of_generation";
    case FinishReason::stop_string:
      return "stop_string";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
  }
  return "running";
}

Generation::Generation(Instance& instance, GenerationParams params)
    : instance_(instance),
      params_(std::move(params)),
      sampler_(*instance.model(), params_.sampling),
      text_(params_.stop_strings) {
  const engine::ContextFacts& facts = instance_.context().facts();
  if (params_.prompt.empty())
    throw Error(ErrorCode::usage, "the prompt is empty, and the model has no token to begin with");
  if (!facts.has_memory) {
    throw Error(ErrorCode::unsupported, fmt::format("'{}' only encodes; it cannot generate text", instance_.name()));
  }
  if (params_.prompt.size() >= facts.n_ctx_seq) {
    throw Error(
        ErrorCode::context_overflow,
        fmt::format("the prompt is {} tokens long, and the context of '{}' holds {} (one of them must stay free)",
                    params_.prompt.size(), instance_.name(), facts.n_ctx_seq),
        {{"needed", params_.prompt.size() + 1}, {"available", facts.n_ctx_seq}});
  }
  timing_.prompt_tokens = static_cast<std::int32_t>(params_.prompt.size());
  instance_.context().clear();
}

Generation::~Generation() { instance_.context().clear(); }

// False: cancelled. The engine's refusals are failures here, since everything was planned.
bool Generation::check(engine::DecodeStatus status) {
  switch (status) {
    case engine::DecodeStatus::ok:
      return true;
    case engine::DecodeStatus::aborted:
      reason_ = FinishReason::cancelled;
      return false;
    case engine::DecodeStatus::out_of_memory:
      throw Error(ErrorCode::out_of_device_memory,
                  fmt::format("'{}' was refused memory while generating", instance_.name()));
    case engine::DecodeStatus::no_kv_slot:
    case engine::DecodeStatus::failed:
      break;
  }
  throw Error(ErrorCode::engine_failed,
              fmt::format("decoding on '{}' failed: {}", instance_.name(), engine::to_string(status)));
}

void Generation::decode_prompt() {
  const Stopwatch watch;
  engine::Context& context = instance_.context();
  std::vector<engine::Token> tokens = params_.prompt;
  if (instance_.model()->facts().has_encoder) {
    engine::Batch batch;
    batch.add_prompt(tokens, 0, 0, false);
    if (!check(context.encode(batch))) return;
    tokens = {instance_.model()->decoder_start()};
  }
  const std::size_t most = context.facts().n_batch;
  for (std::size_t from = 0; from < tokens.size(); from += most) {
    const std::size_t count = std::min(most, tokens.size() - from);
    engine::Batch batch;
    batch.add_prompt(std::span(tokens).subspan(from, count), position_, 0, from + count == tokens.size());
    if (!check(instance_.decode(batch, params_.stop))) return;
    position_ += static_cast<engine::Position>(count);
  }
  for (const engine::Token token : params_.prompt) sampler_.accept(token);
  context.synchronize();
  timing_.prompt_ms = watch.elapsed_ms();
}

void Generation::decode_token(engine::Token token) {
  engine::Batch batch;
  batch.add(token, position_, 0, true);
  if (check(instance_.decode(batch, params_.stop))) ++position_;
}

std::optional<engine::Token> Generation::next_token() {
  if (params_.stop.stop_requested()) reason_ = FinishReason::cancelled;
  if (reason_ != FinishReason::running) return std::nullopt;
  if (!prompt_done_) {
    decode_prompt();
    prompt_done_ = true;
  } else {
    decode_token(tokens_.back());
  }
  if (reason_ != FinishReason::running) return std::nullopt;
  const engine::Token token = sampler_.sample(instance_.context(), -1);
  if (!params_.ignore_end_of_generation && instance_.model()->vocab().is_end_of_generation(token)) {
    reason_ = FinishReason::end_of_generation;
    return std::nullopt;
  }
  tokens_.push_back(token);
  return token;
}

std::string Generation::text_of(engine::Token token) const {
  const engine::Vocab vocab = instance_.model()->vocab();
  if (vocab.present()) return vocab.piece(token);
  return tokens_.size() > 1 ? fmt::format(" {}", token) : std::to_string(token);
}

std::optional<std::string> Generation::next() {
  const Stopwatch watch;
  const double prompt_before = timing_.prompt_ms;
  std::optional<std::string> shown;
  while (!shown && reason_ == FinishReason::running) {
    const bool at_limit = params_.predict >= 0 && std::cmp_greater_equal(tokens_.size(), params_.predict);
    const bool full = std::cmp_greater_equal(position_, instance_.context().facts().n_ctx_seq);
    if (at_limit || (prompt_done_ && full)) {
      reason_ = FinishReason::length;
      break;
    }
    const auto token = next_token();
    if (!token) break;
    std::string text = text_.push(text_of(*token));
    if (text_.stopped()) reason_ = FinishReason::stop_string;
    if (!text.empty()) shown = std::move(text);
  }
  if (!shown && reason_ != FinishReason::running) {
    std::string rest = text_.finish();
    if (!rest.empty()) shown = std::move(rest);
  }
  timing_.generated_tokens = static_cast<std::int32_t>(tokens_.size());
  timing_.generate_ms += watch.elapsed_ms() - (timing_.prompt_ms - prompt_before);
  return shown;
}

std::generator<std::string> pieces(Generation& generation) {
  while (auto piece = generation.next()) co_yield std::move(*piece);
}

}  // namespace plimsoll::run
