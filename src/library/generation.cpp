#include <plimsoll/generation.hpp>

#include <plimsoll/sampler.hpp>
#include <utility>

#include "conversation_state.hpp"
#include "generation_impl.hpp"
#include "own_process.hpp"
#include "sampler_impl.hpp"

namespace plimsoll {
namespace {

// A conversation is one generation's while that lives.
class Busy {
 public:
  explicit Busy(std::shared_ptr<Conversation::State> state) : state_(std::move(state)) {
    if (state_->generating.exchange(true)) {
      state_.reset();
      throw Error(ErrorCode::usage, "a generation of this conversation is under way");
    }
  }
  ~Busy() {
    if (state_) state_->generating = false;
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  [[nodiscard]] Conversation::State& operator*() const noexcept { return *state_; }

 private:
  std::shared_ptr<Conversation::State> state_;
};

// Gives conversation and executor free as soon as it is over, not only when the handle goes.
class Running final : public Generation::Impl {
 public:
  Running(std::unique_ptr<Busy> busy, run::GenerationParams params)
      : busy_(std::move(busy)), inner_(std::in_place, *(**busy_).conversation, std::move(params)) {}

  std::optional<std::string> next() override {
    if (!inner_) return std::nullopt;
    auto piece = inner_->next();
    if (!piece) end();
    return piece;
  }
  run::FinishReason finish_reason() const override { return inner_ ? inner_->finish_reason() : ended_.reason; }
  run::GenerationTiming timing() const override { return inner_ ? inner_->timing() : ended_.timing; }
  const std::vector<Token>& tokens() const override { return inner_ ? inner_->tokens() : ended_.tokens; }
  const std::string& stop_string() const override { return inner_ ? inner_->stop_string() : ended_.stop_string; }

 private:
  struct Ended {
    run::FinishReason reason = run::FinishReason::running;
    run::GenerationTiming timing{};
    std::vector<Token> tokens{};
    std::string stop_string{};
  };
  void end() {
    ended_ = {.reason = inner_->finish_reason(),
              .timing = inner_->timing(),
              .tokens = inner_->tokens(),
              .stop_string = inner_->stop_string()};
    inner_.reset();
    busy_.reset();
  }

  std::unique_ptr<Busy> busy_;            // destroyed last
  std::optional<run::Generation> inner_;  // until it is over
  Ended ended_;
};

run::ContextOverflow overflow_of(ContextOverflow overflow) {
  switch (overflow) {
    case ContextOverflow::fail:
      return run::ContextOverflow::fail;
    case ContextOverflow::stop:
      return run::ContextOverflow::stop;
    case ContextOverflow::shift:
      return run::ContextOverflow::shift;
    case ContextOverflow::reprefill:
      return run::ContextOverflow::reprefill;
  }
  return run::ContextOverflow::fail;
}

FinishReason reason_of(run::FinishReason reason) {
  switch (reason) {
    case run::FinishReason::running:
      return FinishReason::running;
    case run::FinishReason::end_of_generation:
      return FinishReason::end_of_generation;
    case run::FinishReason::stop_string:
      return FinishReason::stop_string;
    case run::FinishReason::length:
      return FinishReason::length;
    case run::FinishReason::cancelled:
      return FinishReason::cancelled;
  }
  return FinishReason::running;
}

}  // namespace

std::string_view to_string(FinishReason reason) noexcept {
  static_assert(static_cast<int>(FinishReason::cancelled) == static_cast<int>(run::FinishReason::cancelled));
  return run::to_string(static_cast<run::FinishReason>(reason));
}

namespace {

// The links of one's own are of this answer alone, and so is the sampler: it sees the prompt, as one that the
// generation makes would.
void add_links(run::GenerationParams& params, const GenerationOptions& options, const run::Conversation& of) {
  if (options.sampler)
    throw Error(ErrorCode::usage, "a sampler was given, and links beside it: they belong into the sampler");
  params.sampler = std::make_shared<engine::Sampler>(
      library::sampler_with(of.vocabulary(), options.sampling, {options.first_link, options.last_link}));
  params.prompt_decoded = [sampler = params.sampler, &of] {
    for (const Token token : of.tokens()) {
      if (token >= 0) sampler->accept(token);
    }
  };
}

}  // namespace

namespace library {

run::GenerationParams params_of(const GenerationOptions& options, const run::Conversation& of) {
  run::GenerationParams params{.predict = options.predict, .sampling = options.sampling};
  if (options.first_link || options.last_link)
    add_links(params, options, of);
  else if (options.sampler)
    params.sampler = options.sampler->impl()->for_logits_of(of.vocabulary());
  params.stop_strings = options.stop_strings;
  params.keep_stop_string = options.keep_stop_string;
  params.ignore_end_of_generation = options.ignore_end_of_generation;
  params.show_special = options.show_special;
  params.overflow = {.strategy = overflow_of(options.overflow),
                     .keep = options.overflow_keep,
                     .discard_share = options.overflow_discard_share};
  params.stop = options.stop;
  params.prompt_progress = options.prompt_progress;
  params.on_token = options.on_token;
  return params;
}

GenerationTiming timing_of(const run::GenerationTiming& timing) {
  return {.prompt_ms = timing.prompt_ms,
          .generate_ms = timing.generate_ms,
          .prompt_tokens = timing.prompt_tokens,
          .generated_tokens = timing.generated_tokens,
          .draft_tokens = static_cast<std::int32_t>(timing.speculation.proposed),
          .accepted_tokens = static_cast<std::int32_t>(timing.speculation.accepted)};
}

Generation begin(std::shared_ptr<Conversation::State> conversation, std::vector<Token> prompt,
                 GenerationOptions options) {
  auto busy = std::make_unique<Busy>(std::move(conversation));
  Conversation::State& state = **busy;
  run::GenerationParams params = params_of(options, *state.conversation);
  params.prompt = std::move(prompt);
  params.draft = state.draft;
  return Generation(std::make_unique<Running>(std::move(busy), std::move(params)));
}

}  // namespace library

Generation::Generation(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Generation::Generation(Generation&&) noexcept = default;
Generation& Generation::operator=(Generation&&) noexcept = default;
Generation::~Generation() = default;

Generation::Impl& Generation::impl() const { return *library::held_here(impl_, "generation"); }

std::optional<std::string> Generation::next() { return impl().next(); }

std::string Generation::read_all() {
  std::string text;
  while (const auto piece = next()) text += *piece;
  return text;
}

FinishReason Generation::finish_reason() const { return reason_of(impl().finish_reason()); }

GenerationTiming Generation::timing() const { return library::timing_of(impl().timing()); }

std::vector<Token> Generation::tokens() const { return impl().tokens(); }

const std::string& Generation::stop_string() const { return impl().stop_string(); }

}  // namespace plimsoll
