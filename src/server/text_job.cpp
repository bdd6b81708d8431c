#include "text_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "base/log.hpp"
#include "engine/draw_seed.hpp"
#include "grammar/opening_tags.hpp"

#include "asked_model.hpp"
#include "media_reading.hpp"
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
  add_settings(server_.options, *model_.model, model_.preset, request_);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  meta_ = {.id = random_id(),
           .created = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
           .model = model_.name()};
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
  how.give_way = give_way_;
  return how;
}

// What it took, for the share and the limits of its key.
void TextJob::note_usage() noexcept {
  const auto now = std::chrono::steady_clock::now();
  std::size_t prompts = 0;
  for (const std::vector<Token>& prompt : read_.prompts) prompts += prompt.size();
  if (!is_started()) return server_.key_usage.owe(owner_, -static_cast<double>(prompts), now);
  const std::size_t cached = std::min(cached_, prompts);
  answers_->note_tokens(static_cast<double>(prompts - cached) +
                        kAnswerCounts * static_cast<double>(completion_tokens_));
  server_.key_usage.took(owner_, prompts, cached, completion_tokens_, now);
}

// To encode pictures takes seconds on a CPU, in which whoever waits is told that something is going on.
bool TextJob::wait_for(std::chrono::milliseconds most) {
  if (!beginning_.valid()) {
    if (!asked_->wait_for(most)) return false;
    if (read_.pieces.empty()) return true;
    beginning_ = std::async(std::launch::async, [this] { begin(); });
    most = std::chrono::milliseconds(0);
  }
  return beginning_.wait_for(most) == std::future_status::ready;
}

void TextJob::start() {
  beginning_.valid() ? beginning_.get() : begin();
  is_started_ = true;
}

void TextJob::begin() {
  host::Lease lease = asked_->take();
  asked_.reset();
  ready_ = std::chrono::steady_clock::now();
  AnswerScheduler::GivingWay giving_way{.asked = give_way_.get_token(),
                                        .how =
                                            [this] {
                                              host::AcquireOptions how = how_to_acquire();
                                              how.patience.reset();
                                              return how;
                                            },
                                        .next = [this] { return give_way_.get_token(); }};
  const engine::AdapterScales scales = adapter_scales(lease.served().plan().request.adapters);
  std::shared_ptr<const MediaPrompt> media = take_apart_media(lease);
  SlotRules rules{.scales = scales,
                  .weight = server_.key_usage.claim_of(owner_, {}, 0).weight,
                  .number = request_.conversation_number,
                  .is_chat = read_.chat != nullptr,
                  .media = std::move(media)};
  answers_.emplace(server_, owner_, std::move(lease), std::move(rules), read_.prompts.front(), std::move(giving_way));
  meta_.prompt_tokens = usage().prompt_tokens;
  meta_.cached_tokens = answers_->cached_at_first();
  meta_.prompts = shown_prompts();
  if (request_.shows_tokens) {
    meta_.sampling = told_sampling();
    meta_.adapter_scales = scales;
  }
  meta_.answers_per_prompt = static_cast<std::size_t>(request_.n);
}

// How many cells they take is known once the model's projector has seen them: only then is the prompt its whole length.
std::shared_ptr<const MediaPrompt> TextJob::take_apart_media(const host::Lease& lease) {
  if (read_.pieces.empty()) return nullptr;
  auto made = std::make_shared<MediaPrompt>(media_prompt(lease.instance().projector(), read_.pieces, request_.media,
                                                         server_.host.planned_files(request_.model), server_.memory));
  media_memory_ = server_.memory.take(0);
  media_memory_->grow(memory_of(*made, lease.served().model_facts().n_embd));
  const double more = static_cast<double>(made->tokens.size()) - static_cast<double>(read_.prompts.front().size());
  server_.key_usage.owe(owner_, more, std::chrono::steady_clock::now());
  read_.prompts.front() = made->tokens;
  require_capacity(PromptReader(lease, template_of(server_.host, request_.model)));
  request_.media = {};
  return made;
}

// Ends that are ignored are biases there, as llama-server tells them.
engine::SamplingParams TextJob::told_sampling() {
  engine::SamplingParams told = sampling_;
  if (!told.ignore_eos) return told;
  const engine::Vocab vocab = answers_->model().vocabulary()->vocab();
  for (Token token = 0; token < vocab.n_tokens(); ++token) {
    if (vocab.is_end_of_generation(token))
      told.logit_bias.push_back({.token = token, .bias = -std::numeric_limits<float>::infinity()});
  }
  return told;
}

std::vector<api::ReadPrompt> TextJob::shown_prompts() {
  std::vector<api::ReadPrompt> out;
  if (!request_.shows_tokens) return out;
  const engine::Vocab vocab = answers_->model().vocabulary()->vocab();
  for (const std::vector<Token>& prompt : read_.prompts) {
    std::vector<Token> text = without_vectors(prompt);
    const std::size_t vectors = prompt.size() - text.size();
    out.push_back({.tokens = std::move(text),
                   .text = text_of_prompt(vocab, prompt),
                   .most_tokens = most_tokens(prompt),
                   .vectors = vectors});
  }
  return out;
}

TextJob::~TextJob() {
  if (beginning_.valid()) beginning_.wait();
  note_usage();
}

void TextJob::check(const PromptReader& reader) {
  if (!reader.context().has_memory)
    throw api::bad_request(fmt::format("'{}' only encodes; it writes no text", request_.model)).at("model");
  bring_media();
  read_ = reader.read(request_, model_.chat_template(), stop_);
  require_capacity(reader);
  reader.require_tokens(request_.stop_tokens);
  (void)adapter_scales(plan_of(server_.host, request_.model).request.adapters);
  sampling_ = sampling_for(reader);
  (void)engine::Sampler(reader.model(), sampling_);  // throws what the engine would refuse: grammar, bias, numbers
  if (!std::exchange(is_charged_, true))
    server_.key_usage.take_prompt(owner_, usage().prompt_tokens, std::chrono::steady_clock::now());
}

void TextJob::bring_media() {
  if (request_.media.empty()) return;
  if (!media_memory_) media_memory_ = server_.memory.take(0);
  server::bring_media(
      request_, senses_of(server_.host, request_.model), request_.model,
      {.rules = server_.options.media, .most = server_.options.limits.body, .memory = *media_memory_, .stop = stop_});
}

void TextJob::require_capacity(const PromptReader& reader) const {
  for (const std::vector<Token>& prompt : read_.prompts) {
    if (model_.preset != nullptr && model_.preset->n_ctx > 0) reader.require_capacity(prompt, model_.preset->n_ctx - 1);
    reader.require_capacity(prompt, server_.options.limits.prompt_tokens);
  }
}

engine::AdapterScales TextJob::adapter_scales(const std::vector<engine::AdapterParams>& planned) const {
  if (request_.adapters) return scales_of(*request_.adapters, planned.size(), request_.model);
  if (model_.preset != nullptr && model_.preset->adapters) return scales_of(*model_.preset->adapters, planned);
  return server_.adapter_scales.of(request_.model, planned);
}

engine::SamplingParams TextJob::sampling_for(const PromptReader& reader) {
  engine::SamplingParams sampling =
      looking_back_within(sampling_of(reader.recommended(), *model_.model, model_.preset, request_),
                          reader.context().n_ctx_seq, static_cast<std::size_t>(reader.facts().n_ctx_train));
  for (const api::TextBias& bias : request_.text_biases) {
    for (const Token token : reader.vocab().tokenize(bias.text, false, true))
      sampling.logit_bias.push_back({.token = token, .bias = bias.bias});
    if (sampling.logit_bias.size() > api::kMostNamedTokens)
      throw api::bad_request(fmt::format("'logit_bias' comes to more than {} tokens", api::kMostNamedTokens))
          .at("logit_bias");
  }
  sampling.least_tokens = static_cast<std::uint32_t>(request_.least_tokens);
  std::optional<api::TemplateForms> forms;
  if (read_.chat)
    forms = {.tools = read_.chat->tools,
             .reasoning = read_.chat->reasoning,
             .begins_in_a_thought = read_.begins_in_a_thought};
  held_ = api::hold_to_form(sampling, request_, forms);
  limit_thoughts(sampling);
  return sampling;
}

void TextJob::limit_thoughts(engine::SamplingParams& sampling) const {
  if (request_.most_thought_tokens) sampling.thought_tokens = *request_.most_thought_tokens;
  if (sampling.thought_tokens < 0 || !held_.has_thoughts) return;
  sampling.thought_begin = read_.chat->reasoning->begin;
  sampling.thought_end = held_.thought_end;
  sampling.thought_is_open = read_.begins_in_a_thought;
}

ResponseStream::Form TextJob::form_of_answer() const {
  ResponseStream::Form form{.shows_tokens = request_.shows_tokens, .tells_times = request_.tells_times};
  if (held_.needs_check()) form.check.emplace(request_, held_);
  if (!read_.chat) return form;
  const auto& chat = std::get<api::ChatPrompt>(request_.prompt);
  if (!chat.tools.empty() && chat.tool_choice.kind != api::ToolChoice::Kind::none)
    form.calls.emplace(read_.chat->tools, api::callable_tools(chat));
  form.calls_are_required = chat.tool_choice.kind == api::ToolChoice::Kind::required;
  if (held_.has_thoughts && !request_.thoughts_as_text)
    form.reasoning.emplace(*read_.chat->reasoning, read_.begins_in_a_thought);
  return form;
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

// Where a model begins a call or a thought with a token of its own, that token must be seen.
bool TextJob::must_see_control_tokens(const ResponseStream::Form& form) {
  std::vector<std::string> marks;
  if (form.calls) marks = grammar::opening_tags(grammar::tool_opening(read_.chat->tools, {}));
  if (held_.has_thoughts) {
    const api::ReasoningForm& thoughts = *read_.chat->reasoning;
    for (const std::string_view mark : {thoughts.begin, thoughts.end, thoughts.instead, thoughts.answer_end})
      if (!mark.empty()) marks.emplace_back(mark);
  }
  const engine::Vocab vocab = answers_->model().vocabulary()->vocab();
  return std::ranges::any_of(marks, [&](const std::string& mark) { return vocab.has_control(mark); });
}

run::GenerationParams TextJob::params_of(std::size_t choice, const std::vector<Token>& prompt) const {
  run::GenerationParams params;
  params.predict = most_tokens(prompt);
  params.sampling = sampling_;
  // Each answer to a prompt has a seed of its own, the first the request's.
  if (params.sampling.seed != LLAMA_DEFAULT_SEED)
    params.sampling.seed =
        engine::following_seed(params.sampling.seed, static_cast<std::uint32_t>(choice % answers_per_prompt()));
  params.stop_strings = request_.stop_strings;
  params.keep_stop_string = request_.keep_stop_string;
  params.overflow.strategy = run::ContextOverflow::stop;
  params.read_ahead = kPiecesAhead;
  return params;
}

std::string TextJob::echoed(const std::vector<Token>& prompt) {
  if (read_.chat) return read_.gone_on_with;
  return answers_->model().vocabulary()->vocab().detokenize(prompt);
}

std::shared_ptr<PromptLogprobs> TextJob::of_prompt(std::size_t prompt) {
  if (!request_.tells_prompt || read_.chat) return nullptr;
  std::shared_ptr<PromptLogprobs>& shared = of_prompts_[prompt];
  if (!shared) shared = std::make_shared<PromptLogprobs>();
  return shared;
}

std::size_t TextJob::answers_per_prompt() const noexcept {
  return static_cast<std::size_t>(std::max(request_.n, request_.best_of));
}

TextAnswer::Asked TextJob::asked_of(std::size_t choice) {
  const std::vector<Token>& prompt = read_.prompts[choice / answers_per_prompt()];
  ResponseStream::Form form = form_of_answer();
  run::GenerationParams generation = params_of(choice, prompt);
  generation.show_special = must_see_control_tokens(form);
  return {.choice = choice,
          .prompt = prompt,
          .is_first_of_prompt = choice % answers_per_prompt() == 0,
          .echo = request_.echo ? echoed(prompt) : std::string{},
          .generation = std::move(generation),
          .form = std::move(form),
          .top_logprobs = request_.top_logprobs,
          .after_sampling = request_.after_sampling,
          .of_prompt = of_prompt(choice / answers_per_prompt()),
          .has_media = !read_.pieces.empty(),
          .client = stop_,
          .stop_tokens = request_.stop_tokens,
          .most_time = request_.most_time,
          .tells_progress = request_.tells_progress,
          .is_rated = answers_per_prompt() > given_per_prompt()};
}

void TextJob::note_end(const TextAnswer& answer) {
  completion_tokens_ += answer.tokens();
  reasoning_tokens_ += answer.tokens_of_thoughts();
  cached_ += answer.cached();
  timings_ = timings_.value_or(api::Timings{});
  api::Timings timings = answer.timings();
  if (!answer.counts_prompt()) timings.cached = 0;
  *timings_ += timings;
  schema_check_ = api::both_verdicts(std::move(schema_check_), answer.schema_check());
}

void TextJob::run(Listener& listener) {
  answers_->run({.answers = read_.prompts.size() * answers_per_prompt(),
                 .ask = [this](std::size_t choice) { return asked_of(choice); },
                 .ended = [this](const TextAnswer& answer) { note_end(answer); }},
                listener, times_);
}

api::Usage TextJob::usage() const {
  const auto ms = [](Moment from, Moment to) { return std::chrono::duration<double, std::milli>(to - from).count(); };
  api::Usage usage{.cached_tokens = cached_,
                   .completion_tokens = completion_tokens_,
                   .reasoning_tokens = reasoning_tokens_,
                   .timings = timings_,
                   .load_ms = ms(started_, ready_),
                   .total_ms = ms(started_, std::chrono::steady_clock::now()),
                   .schema_check = schema_check_};
  for (const std::vector<Token>& prompt : read_.prompts) usage.prompt_tokens += prompt.size();
  return usage;
}

}  // namespace plimsoll::server
