#include "text_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "base/log.hpp"
#include "grammar/json_schema.hpp"

#include "asked_model.hpp"
#include "preset.hpp"
#include "random_id.hpp"

namespace plimsoll::server {

using engine::Token;

// A client that reads slowly makes its own answer wait, and no other.
constexpr std::size_t kPiecesAhead = 256;

TextJob::TextJob(ServerContext context, api::TextRequest request, std::string owner, std::stop_token stop)
    : server_(context),
      request_(std::move(request)),
      owner_(std::move(owner)),
      stop_(std::move(stop)),
      model_(model_named(server_.host.fleet(), request_.model)) {
  request_.model = model_.model->request.name;
  if (model_.model->request.dry_run.context.embeddings)
    throw api::bad_request(fmt::format("'{}' is a model for embeddings; it writes no text", request_.model))
        .at("model");
  if (model_.preset != nullptr) add_preset(*model_.preset, request_);
  meta_.model = model_.name();
  asked_.emplace(
      server_, request_.model, [this](const PromptReader& reader) { check(reader); },
      [this] { return how_to_acquire(); });
}

namespace {

// Of an answer whose length nobody knows; the share of its key is set right when it has ended.
constexpr std::int32_t kExpectedAnswer = 256;
// A slot is taken longer for a token of an answer than for one of a prompt.
constexpr double kAnswerCounts = 2;

}  // namespace

host::AcquireOptions TextJob::how_to_acquire() {
  host::AcquireOptions how = acquire_options(server_.options, stop_);
  const std::int32_t most = request_.most_tokens.value_or(-1);
  const std::int32_t answer = most < 0 ? kExpectedAnswer : std::min(most, kExpectedAnswer);
  how.claim = server_.key_usage.claim_of(owner_, request_.priority,
                                         static_cast<double>(usage().prompt_tokens) + kAnswerCounts * answer);
  give_way_ = std::stop_source();
  if (!model_.model->draft) how.give_way = give_way_;
  return how;
}

// Its slot goes to a request of a higher priority, and comes back.
void TextJob::give_way(run::Generation& generation, Listener& listener) {
  host::AcquireOptions how = how_to_acquire();
  how.patience.reset();
  lease_->give_way(std::move(how), {.tell = [&listener] { listener.nothing_yet(); }, .step = listener.look_every()});
  generation.go_on(give_way_.get_token());
}

void TextJob::settle() noexcept {
  const auto now = std::chrono::steady_clock::now();
  if (!is_started()) return server_.key_usage.owe(owner_, -static_cast<double>(usage().prompt_tokens), now);
  const auto computed = static_cast<double>(usage().prompt_tokens - std::min(cached_, usage().prompt_tokens));
  lease_->note_tokens(computed + kAnswerCounts * static_cast<double>(completion_tokens_));
  server_.key_usage.took(owner_, usage().prompt_tokens, cached_, completion_tokens_, now);
}

void TextJob::start() {
  lease_.emplace(asked_->take());
  asked_.reset();
  ready_ = std::chrono::steady_clock::now();
  cached_ = go_back_to(read_.prompts.front());
  first_is_laid_out_ = true;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  meta_ = {.id = random_id(),
           .created = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
           .model = model_.name(),
           .prompt_tokens = usage().prompt_tokens,
           .cached_tokens = cached_,
           .prompts = shown_prompts()};
}

std::vector<api::ReadPrompt> TextJob::shown_prompts() const {
  std::vector<api::ReadPrompt> out;
  if (!request_.shows_tokens) return out;
  const engine::Vocab vocab = lease_->instance().model()->vocab();
  for (const std::vector<Token>& prompt : read_.prompts)
    out.push_back({.tokens = prompt, .text = vocab.detokenize(prompt, true)});
  return out;
}

// Tokens that still wait to be decoded (the last one; most of a prompt whose client has gone) are taken back: the next
// request would decode them for nobody.
TextJob::~TextJob() {
  settle();
  if (failed_ || !prompt_ || !lease_->has_slot()) return;
  try {
    run::Conversation& conversation = lease_->conversation();
    conversation.rewind(conversation.waiting());
    prompt_->keep(conversation.tokens());
  } catch (const std::exception& error) {
    log::warn("server", "after a request to '{}': {}", request_.model, error.what());
  }
}

void TextJob::check(const PromptReader& reader) {
  if (!reader.context().has_memory)
    throw api::bad_request(fmt::format("'{}' only encodes; it writes no text", request_.model)).at("model");
  read_ = reader.read(request_);
  for (const std::vector<Token>& prompt : read_.prompts) {
    if (model_.preset != nullptr && model_.preset->n_ctx > 0) reader.require_capacity(prompt, model_.preset->n_ctx - 1);
    reader.require_capacity(prompt, server_.options.limits.prompt_tokens);
  }
  reader.require_tokens(request_.stop_tokens);
  sampling_ = sampling_for(reader);
  (void)engine::Sampler(reader.model(), sampling_);  // throws what the engine would refuse: grammar, bias, numbers
  if (!std::exchange(is_charged_, true))
    server_.key_usage.take_prompt(owner_, usage().prompt_tokens, std::chrono::steady_clock::now());
}

engine::SamplingParams TextJob::sampling_for(const PromptReader& reader) const {
  engine::SamplingParams sampling = sampling_of(reader.recommended(), *model_.model, model_.preset, request_);
  for (const api::TextBias& bias : request_.text_biases) {
    for (const Token token : reader.vocab().tokenize(bias.text, false, true))
      sampling.logit_bias.push_back({.token = token, .bias = bias.bias});
  }
  sampling.least_tokens = static_cast<std::uint32_t>(request_.least_tokens);
  hold_to_a_form(sampling);
  limit_thoughts(sampling);
  return sampling;
}

void TextJob::hold_to_a_form(engine::SamplingParams& sampling) const {
  if (!request_.schema.is_null()) {
    if (!sampling.grammar.empty())
      throw api::bad_request("a grammar and a schema were given; the answer can follow one of them");
    sampling.grammar = grammar::from_json_schema(request_.schema);
  }
  const auto* chat = std::get_if<api::ChatPrompt>(&request_.prompt);
  if (chat != nullptr && !chat->tools.empty()) api::hold_to_tools(sampling, *chat, read_.chat->tools);
}

void TextJob::limit_thoughts(engine::SamplingParams& sampling) const {
  if (!request_.most_thought_tokens || !read_.chat || !read_.chat->reasoning || !thinks_aloud(sampling)) return;
  sampling.thought_tokens = *request_.most_thought_tokens;
  sampling.thought_begin = read_.chat->reasoning->begin;
  sampling.thought_end = read_.chat->reasoning->end;
  sampling.thought_is_open = read_.begins_in_a_thought;
}

// A grammar that holds from the first token on leaves no place for a thought.
bool TextJob::thinks_aloud(const engine::SamplingParams& sampling) const {
  if (!read_.chat || !read_.chat->reasoning) return false;
  return sampling.grammar.empty() || !sampling.grammar_trigger_patterns.empty() ||
         !sampling.grammar_trigger_tokens.empty();
}

ResponseStream::Form TextJob::form_of_answer() const {
  ResponseStream::Form form{.top_logprobs = request_.top_logprobs,
                            .shows_tokens = request_.shows_tokens,
                            .tells_times = request_.tells_times};
  if (!read_.chat) return form;
  const auto& chat = std::get<api::ChatPrompt>(request_.prompt);
  if (!chat.tools.empty() && chat.tool_choice.kind != api::ToolChoice::Kind::none)
    form.calls.emplace(read_.chat->tools, chat.tools);
  if (thinks_aloud(sampling_) && !request_.thoughts_as_text)
    form.reasoning.emplace(*read_.chat->reasoning, read_.begins_in_a_thought);
  return form;
}

// The conversation becomes this prompt. What it has in common with it stays in memory; returns how many tokens.
std::size_t TextJob::go_back_to(const std::vector<Token>& prompt) {
  if (!prompt_) {
    prompt_ = server_.prompts.take(request_.model, owner_, prompt);
    try {
      lease_->resume(prompt_->id());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
      lease_->resume(prompt_->id());  // its memory could not be kept, which is said once: it begins anew
    }
  }
  return lease_->conversation().replace(prompt);
}

std::int32_t TextJob::most_tokens(const std::vector<Token>& prompt) const {
  std::int32_t most = request_.most_tokens.value_or(-1);
  const auto limit = [&](std::int64_t tokens) {
    if (most < 0 || most > tokens) most = static_cast<std::int32_t>(tokens);
  };
  if (server_.options.limits.answer_tokens > 0) limit(static_cast<std::int64_t>(server_.options.limits.answer_tokens));
  if (model_.preset != nullptr && model_.preset->n_ctx > 0)
    limit(static_cast<std::int64_t>(model_.preset->n_ctx) - static_cast<std::int64_t>(prompt.size()));
  return most;
}

run::GenerationParams TextJob::params_of(std::size_t choice, const std::vector<Token>& prompt, Listener& listener,
                                         ResponseStream& stream) {
  end_ = std::make_unique<AnswerEnd>(stop_, request_.stop_tokens, request_.most_time);
  run::GenerationParams params;
  params.predict = most_tokens(prompt);
  params.sampling = sampling_;
  if (params.sampling.seed != LLAMA_DEFAULT_SEED) params.sampling.seed += static_cast<std::uint32_t>(choice);
  params.stop_strings = request_.stop_strings;
  params.keep_stop_string = request_.keep_stop_string;
  // Where a model begins a call or a thought with a token of its own, that token must be seen.
  const bool calls = read_.chat && read_.chat->tools == grammar::ToolForm::mistral && stream.reads_calls();
  params.show_special = calls || (thinks_aloud(sampling_) && read_.chat->reasoning->of_control_tokens);
  params.overflow.strategy = run::ContextOverflow::stop;
  params.stop = end_->stop();
  params.pause = give_way_.get_token();
  params.read_ahead = kPiecesAhead;
  params.waiting = {.tell = [&listener] { listener.nothing_yet(); }, .step = listener.look_every()};
  if (request_.tells_progress)
    params.prompt_progress = [choice, &prompt, &listener, asked = std::chrono::steady_clock::now()](std::size_t done,
                                                                                                    std::size_t of) {
      const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - asked;
      const std::size_t cached = prompt.size() - std::min(of, prompt.size());
      listener.progress(
          {.choice = choice, .total = prompt.size(), .cached = cached, .processed = cached + done, .ms = took.count()});
    };
  params.on_token_reads_logits = request_.top_logprobs.has_value();
  params.on_token = [this, &stream](Token token, std::span<const float> logits) {
    const auto now = std::chrono::steady_clock::now();
    times_.token(now);
    end_->token(token, now);
    stream.on_token(token, logits);
  };
  return params;
}

void TextJob::answer(std::size_t choice, const std::vector<Token>& prompt, Listener& listener) {
  if (!std::exchange(first_is_laid_out_, false)) (void)go_back_to(prompt);
  times_.begin_answer();
  ResponseStream stream(listener, choice, lease_->instance().model()->vocab(), form_of_answer());
  if (const auto draft = lease_->draft()) {
    tell_all(run::SpeculativeGeneration(lease_->conversation(), draft->conversation,
                                        params_of(choice, prompt, listener, stream), draft->speculation),
             prompt, stream);
  } else {
    tell_all(run::Generation(lease_->conversation(), params_of(choice, prompt, listener, stream)), prompt, stream);
  }
}

std::string TextJob::echoed(const std::vector<Token>& prompt) const {
  if (read_.chat) return read_.gone_on_with;
  return lease_->instance().model()->vocab().detokenize(prompt);
}

namespace {

template <class Generation>
api::Timings timings_of(const Generation& generation, const std::vector<Token>& prompt) {
  const run::GenerationTiming& timing = generation.timing();
  const auto read = std::min(static_cast<std::size_t>(timing.prompt_tokens), prompt.size());
  api::Timings out{.cached = prompt.size() - read,
                   .prompt = read,
                   .prompt_ms = timing.prompt_ms,
                   .predicted = static_cast<std::size_t>(timing.generated_tokens),
                   .predicted_ms = timing.generate_ms};
  if constexpr (requires { generation.counts(); }) {
    out.drafted = generation.counts().proposed;
    out.accepted = generation.counts().accepted;
  }
  return out;
}

}  // namespace

template <class Generation>
void TextJob::tell_all(Generation&& generation, const std::vector<Token>& prompt, ResponseStream& stream) {
  bool heard = !request_.echo || stream.text(echoed(prompt));
  while (heard) {
    auto piece = generation.next();
    stream.set_timings(timings_of(generation, prompt));
    if (piece) {
      heard = stream.text(std::move(*piece));
      continue;
    }
    if constexpr (std::is_same_v<std::remove_cvref_t<Generation>, run::Generation>) {
      if (generation.is_paused()) {
        give_way(generation, stream.listener());
        continue;
      }
    }
    break;
  }
  completion_tokens_ += generation.tokens().size();
  timings_ = timings_.value_or(api::Timings{});
  *timings_ += timings_of(generation, prompt);
  reasoning_tokens_ += stream.tokens_of_thoughts();
  const AnswerEnd::Why why = end_->why();
  run::FinishReason reason = generation.finish_reason();
  if (reason == run::FinishReason::cancelled && why != AnswerEnd::Why::nothing && !stop_.stop_requested())
    reason = why == AnswerEnd::Why::token ? run::FinishReason::end_of_generation : run::FinishReason::length;
  if (!heard || reason == run::FinishReason::cancelled)
    throw Error(ErrorCode::cancelled, fmt::format("the request was cancelled after {} tokens", completion_tokens_));
  if (!stream.end(reason, generation.stop_string())) throw Error(ErrorCode::cancelled, "the client has gone");
}

void TextJob::run(Listener& listener) {
  std::size_t choice = 0;
  try {
    for (const std::vector<Token>& prompt : read_.prompts) {
      for (std::int32_t i = 0; i < request_.n; ++i) answer(choice++, prompt, listener);
    }
  } catch (const Error& error) {
    failed_ = error.code() != ErrorCode::cancelled;  // what was decoded before a cancellation is as good as ever
    throw;
  } catch (...) {
    failed_ = true;
    throw;
  }
}

api::Usage TextJob::usage() const noexcept {
  const auto ms = [](Moment from, Moment to) { return std::chrono::duration<double, std::milli>(to - from).count(); };
  api::Usage usage{.cached_tokens = cached_,
                   .completion_tokens = completion_tokens_,
                   .reasoning_tokens = reasoning_tokens_,
                   .timings = timings_,
                   .load_ms = ms(started_, ready_),
                   .total_ms = ms(started_, std::chrono::steady_clock::now())};
  for (const std::vector<Token>& prompt : read_.prompts) usage.prompt_tokens += prompt.size();
  return usage;
}

}  // namespace plimsoll::server
