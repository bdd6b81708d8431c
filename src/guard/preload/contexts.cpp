#include "contexts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "context_target.hpp"
#include "engine_failure.hpp"
#include "guarding.hpp"
#include "reports.hpp"
#include "words.hpp"

namespace plimsoll::guard {
namespace {

constexpr std::size_t kMostFinished = 200;
constexpr const char* kBackends = "backends";

std::uint64_t call_through(const LlamaLibrary& llama, LlamaCall call, const Registers& registers) {
  return plimsoll_guard_call(llama.function(call), &registers, llama.stack_bytes(call));
}

// "/models/qwen2.5-7b-q4_k_m.gguf": qwen2.5-7b-q4_k_m.
std::string stem_of(const char* path) {
  const std::string stem = path == nullptr ? "" : std::filesystem::path(path).stem().string();
  return stem.empty() ? "model" : stem;
}

// Null: it comes from somewhere else than a file with a name.
const char* file_of(LlamaCall call, const Registers& registers) {
  if (call == LlamaCall::model_load_from_file) return registers.pointer<const char>(0);
  if (call != LlamaCall::model_load_from_splits) return nullptr;
  const auto* files = registers.pointer<const char* const>(0);
  return files == nullptr || registers.integers[1] == 0 ? nullptr : files[0];
}

// Contexts of one kind take the same, so one that was warmed up completely stands for the others.
std::string kind_of(const ContextRow& row) {
  return fmt::format("{} {} {} {} {}", row.model, row.n_ctx, row.n_batch, row.n_ubatch, row.n_seq_max);
}

}  // namespace

std::uint64_t Contexts::load_model(LlamaLibrary& llama, LlamaCall call, const Registers& registers) {
  const char* file = file_of(call, registers);
  memory::Owner owner = accounts_.names().claim_numbered(stem_of(file));
  const Bytes before = accounts_.ever_taken_by(owner.name());
  tracker::Scope scope(owner.name(), tracker::Phase::load);
  const std::uint64_t made = call_through(llama, call, registers);
  if (made == 0) {
    if (const auto refusal = scope.take_refusal())
      say(Weight::refusal, "the model '{}' was not loaded: the program gets none", owner.name());
    keep_report_file();
    return made;
  }
  const bool has_weights = accounts_.ever_taken_by(owner.name()) > before;
  accounts_.show_model(owner.name());
  accounts_.publish();
  const std::lock_guard lock(mutex_);
  models_[reinterpret_cast<const llama_model*>(made)] =
      Model{.owner = std::move(owner), .file = file == nullptr ? "" : file, .has_weights = has_weights};
  return made;
}

std::uint64_t Contexts::load_adapter(LlamaLibrary& llama, LlamaCall call, const Registers& registers) {
  const tracker::Scope scope(name_of(registers.pointer<const llama_model>(0)), tracker::Phase::adapter);
  return call_through(llama, call, registers);
}

std::string Contexts::name_of(const llama_model* model) const {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(model);
  return found == models_.end() ? kProgram : found->second.owner.name();
}

// Nothing may be computed with what has none.
bool Contexts::has_weights(const llama_model* model) const {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(model);
  return found != models_.end() && found->second.has_weights;
}

Contexts::ContextPointer Contexts::find(const llama_context* context) const {
  const std::lock_guard lock(mutex_);
  const auto found = contexts_.find(context);
  return found == contexts_.end() ? nullptr : found->second;
}

std::uint64_t Contexts::make_context(LlamaLibrary& llama, LlamaCall call, const Registers& registers) {
  auto context = std::make_shared<Context>();
  context->row.model = name_of(registers.pointer<const llama_model>(0));
  context->has_weights = has_weights(registers.pointer<const llama_model>(0));
  context->owner = accounts_.names().claim_numbered(context->row.model + "/context");
  context->row.name = context->owner.name();
  const std::unique_lock alone(one_at_a_time_);
  const device::Meter every_card(accounts_.probe(), accounts_.cards());
  const device::Meter::Reading at_start = every_card.read();
  llama_context* made = nullptr;
  {
    tracker::Scope scope(context->owner.name(), tracker::Phase::context);
    made = reinterpret_cast<llama_context*>(call_through(llama, call, registers));
    context->row.made = accounts_.taken_by(context->owner.name());
    if (made == nullptr) {
      const auto refusal = scope.take_refusal();
      context->row.state = ContextState::refused;
      context->row.why = refusal ? memory::to_sentence(*refusal) : "the engine made none";
      if (refusal) say(Weight::refusal, "the context '{}' was not made: the program gets none", context->row.name);
    }
  }
  use_cards(*context, every_card, at_start);
  if (made != nullptr) made = make_ready(llama, made, registers.on_the_stack, *context);
  if (made == nullptr) {
    release(*context);
    keep_row(std::move(context->row));
  } else {
    accounts_.show_context(context->owner.name(), context->row.model);
    const std::lock_guard lock(mutex_);
    contexts_[made] = std::move(context);
  }
  accounts_.publish();
  keep_report_file();
  return reinterpret_cast<std::uint64_t>(made);
}

llama_context* Contexts::make_ready(LlamaLibrary& llama, llama_context* made, const void* parameters,
                                    Context& context) {
  ContextRow& row = context.row;
  row.depth = run::WarmUpDepth::none;
  if (row.made == Bytes{} || !context.has_weights) {
    row.state = ContextState::not_seen;
    row.why = context.has_weights ? "nothing that it took passed the guard"
                                  : "no weights of its model were seen: a trial of sizes";
    return made;
  }
  if (const std::string why_not = llama.why_not_warmed(); !why_not.empty()) {
    row.why = why_not;
    return made;
  }
  const OwnWork own;
  tracker::Scope scope(context.owner.name(), tracker::Phase::context);
  try {
    charge_backends(*context.meter, context.at_start);
    try {
      warm_up(llama, made, parameters, context, scope);
    } catch (const NotTaken& not_taken) {
      row.why = std::string("the warm-up is not complete: ") + not_taken.what();
      say(Weight::note, "'{}' is not sealed: {}", row.name, row.why);
    }
    hold(context);
    return made;
  } catch (const GaveUp& gave_up) {
    row.why = gave_up.what();
    say(Weight::refusal, "the context '{}' was refused: {}. What it took stays taken", row.name, gave_up.what());
    row.state = ContextState::refused;
    return nullptr;
  } catch (const std::exception& error) {
    row.why = error.what();
    row.state = ContextState::refused;
    say(Weight::refusal, "the context '{}' was refused: {}", row.name, error.what());
  }
  try {
    contained(library_of(llama.where()), [&] { llama.functions().llama_free(made); });
  } catch (const std::exception& error) {
    say(Weight::refusal, "the context '{}' could not be freed: {}", row.name, error.what());
  }
  return nullptr;
}

// Of all cards, those that have something of the context or its model, and what they said before it was made.
void Contexts::use_cards(Context& context, const device::Meter& every_card, const device::Meter::Reading& at_start) {
  context.meter =
      std::make_unique<device::Meter>(accounts_.probe(), accounts_.cards_of({context.owner.name(), context.row.model}));
  for (const device::DeviceInfo& card : context.meter->memories()) {
    const auto place = std::ranges::find_if(
        every_card.memories(), [&](const device::DeviceInfo& other) { return device::share_memory(card, other); });
    context.at_start.push_back(place == every_card.memories().end()
                                   ? device::MemoryUse{}
                                   : at_start[static_cast<std::size_t>(place - every_card.memories().begin())]);
  }
}

void Contexts::warm_up(LlamaLibrary& llama, llama_context* made, const void* parameters, Context& context,
                       tracker::Scope& scope) {
  ContextRow& row = context.row;
  const ContextWishes wishes = wishes_of(llama, parameters);
  ContextTarget target(llama, made, wishes, scope);
  const run::WarmUpFacts& facts = target.facts();
  row.n_ctx = facts.n_ctx;
  row.n_batch = facts.n_batch;
  row.n_ubatch = facts.n_ubatch;
  row.n_seq_max = facts.n_seq_max;

  const bool on_cards = !context.meter->memories().empty();
  run::WarmUpOptions options{.depth = settings_.warm_up, .outputs = wishes.outputs};
  row.why = wishes.why_not_warmed;
  if (!row.why.empty()) options.depth = run::WarmUpDepth::none;
  if (options.depth == run::WarmUpDepth::automatic) {
    // On the CPU alone a backend takes one work buffer, which the first layer of the largest graph uses as far as all
    // of it does; where a graph cannot be stopped behind that layer, filling the buffer would cost as much as a long
    // prompt.
    if (!on_cards && facts.nodes_of_first_layers == 0) {
      options.depth = run::WarmUpDepth::none;
      row.why = "it computes on the CPU alone";
    }
    options.earlier = earlier_warm_up(row, on_cards);
  }
  row.depth = options.depth;
  row.warm_up = run::warm_up(target, *context.meter, options);
  if (options.depth != run::WarmUpDepth::none) target.leave_as_new();

  row.warmed = saturating_sub(accounts_.taken_by(context.owner.name()), row.made);
  charge_runtime(context);
  context.complete = row.warm_up.complete();
  if (context.complete && !row.warm_up.repeated) note_warm_up(row);
}

std::optional<run::EarlierWarmUp> Contexts::earlier_warm_up(const ContextRow& row, bool on_cards) const {
  const std::string kind = kind_of(row);
  const std::lock_guard lock(mutex_);
  if (on_cards && !warmed_.contains(kind)) return std::nullopt;
  return run::EarlierWarmUp{.grew_at_depth = grown_at_depth_.contains(kind), .compiling = {}};
}

void Contexts::note_warm_up(const ContextRow& row) {
  const std::string kind = kind_of(row);
  const std::lock_guard lock(mutex_);
  warmed_.insert(kind);
  if (row.warm_up.depth_growth >= run::kQuiet) grown_at_depth_.insert(kind);
}

// What a card says that this process uses, and nobody has charged, when the first context is made: the backend's own
// context, for one. It stays for as long as the process does. Throws memory::Refused.
void Contexts::charge_backends(const device::Meter& meter, const device::Meter::Reading& reading) {
  for (std::size_t i = 0; i < reading.size(); ++i) {
    const device::DeviceInfo& card = meter.memories()[i];
    if (card.memory_is_hosts || !reading[i].this_process) continue;
    const Bytes unseen = saturating_sub(*reading[i].this_process, accounts_.taken_now(card.id));
    if (unseen == Bytes{}) continue;
    const memory::Tag tag{
        .device = card.id, .owner = kBackends, .stage = memory::Stage::runtime, .buffer = card.id.name()};
    accounts_.take_what_is_there(tag, unseen, "what the backend has taken for itself");
  }
}

// What the cards' readings grew by since before the context was made, and no buffer accounts for. Throws
// memory::Refused.
void Contexts::charge_runtime(Context& context) {
  const device::Meter::Reading now = context.meter->read();
  Bytes buffers = accounts_.taken_by(context.owner.name());
  for (std::size_t i = 0; i < now.size(); ++i) {
    const device::DeviceId& card = context.meter->memories()[i].id;
    const Bytes grown = device::growth(context.at_start[i], now[i]).bytes;
    const Bytes seen = std::min(grown, buffers);
    buffers -= seen;
    const Bytes unseen = grown - seen;
    if (unseen == Bytes{}) continue;
    const memory::Tag tag{
        .device = card, .owner = context.owner.name(), .stage = memory::Stage::runtime, .buffer = card.name()};
    accounts_.take_what_is_there(tag, unseen, "what the warm-up took beside its buffers");
    context.runtime.emplace_back(tag, unseen);
    context.row.runtime += unseen;
    context.row.warmed += unseen;
  }
}

// It has reserved what it has taken; where everything was seen, that is all that it gets.
void Contexts::hold(Context& context) {
  const std::string& owner = context.owner.name();
  accounts_.release(context.reservation);
  context.reservation = accounts_.hold_what_is_taken(owner, "holding what the warm-up took");
  context.taken_at_ready = accounts_.taken_by(owner);
  context.late_before = accounts_.late_counts(owner);
  context.at_ready = context.meter->read();
  context.row.sealed = context.complete && settings_.seal == SealMode::refuse;
  accounts_.seal(owner, context.complete);
}

std::uint64_t Contexts::compute(LlamaLibrary& llama, LlamaCall call, const Registers& registers) {
  const ContextPointer context = find(registers.pointer<const llama_context>(0));
  if (context == nullptr) return call_through(llama, call, registers);
  context->computed.fetch_add(1, std::memory_order_relaxed);
  std::uint64_t status = 0;
  {
    const tracker::Scope scope(context->owner.name(), tracker::Phase::decode);
    status = call_through(llama, call, registers);
  }
  if (context->changed.exchange(false, std::memory_order_relaxed)) {
    try {
      hold(*context);
    } catch (const std::exception& error) {
      say(Weight::note, "'{}' stays open: {}", context->row.name, error.what());
    }
  }
  if (static_cast<std::int32_t>(status) < 0) keep_report_file();
  accounts_.used(context->row.model);
  return status;
}

std::uint64_t Contexts::change(LlamaLibrary& llama, LlamaCall call, const Registers& registers) {
  const ContextPointer context = find(registers.pointer<const llama_context>(0));
  if (context == nullptr) return call_through(llama, call, registers);
  accounts_.unseal(context->owner.name());
  context->changed.store(true, std::memory_order_relaxed);
  const tracker::Scope scope(context->owner.name(), tracker::Phase::adapter);
  return call_through(llama, call, registers);
}

// Names are given again, and the seal counts by name.
memory::SealCounts Contexts::late_of(const Context& context) const {
  const memory::SealCounts now = accounts_.late_counts(context.owner.name());
  return {.allocations_after_seal = now.allocations_after_seal - context.late_before.allocations_after_seal,
          .refused_after_seal = now.refused_after_seal - context.late_before.refused_after_seal};
}

void Contexts::release(Context& context) {
  accounts_.unseal(context.owner.name());
  for (const auto& [tag, bytes] : context.runtime) accounts_.give_back(tag, bytes);
  context.runtime.clear();
  accounts_.release(context.reservation);
  accounts_.forget(context.owner.name());
}

void Contexts::keep_row(ContextRow row) {
  const std::lock_guard lock(mutex_);
  finished_.push_back(std::move(row));
  if (finished_.size() <= kMostFinished) return;
  finished_.pop_front();
  ++left_out_;
}

std::uint64_t Contexts::free_context(LlamaLibrary& llama, LlamaCall call, const Registers& registers) {
  ContextPointer context;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = contexts_.find(registers.pointer<const llama_context>(0)); found != contexts_.end()) {
      context = std::move(found->second);
      contexts_.erase(found);
    }
  }
  if (context == nullptr) return call_through(llama, call, registers);
  ContextRow row = context->row;
  row.after = late_of(*context);
  row.computed = context->computed.load(std::memory_order_relaxed);
  row.taken_after = saturating_sub(accounts_.taken_by(context->owner.name()), context->taken_at_ready);
  if (row.state == ContextState::ready) row.state = ContextState::freed;
  const std::uint64_t answer = call_through(llama, call, registers);
  release(*context);
  accounts_.publish();
  keep_row(std::move(row));
  keep_report_file();
  return answer;
}

// The engine may give its address to another model before this call is back.
std::uint64_t Contexts::free_model(LlamaLibrary& llama, LlamaCall call, const Registers& registers) {
  std::optional<Model> model;
  {
    const std::lock_guard lock(mutex_);
    if (auto found = models_.extract(registers.pointer<const llama_model>(0))) model = std::move(found.mapped());
  }
  const std::uint64_t answer = call_through(llama, call, registers);
  if (!model) return answer;
  accounts_.forget(model->owner.name());
  accounts_.publish();
  const std::lock_guard lock(mutex_);
  freed_models_.push_back({.name = model->owner.name(), .file = model->file, .loaded = false});
  if (freed_models_.size() > kMostFinished) freed_models_.erase(freed_models_.begin());
  return answer;
}

void Contexts::describe(Report& report) const {
  const std::lock_guard lock(mutex_);
  report.models = freed_models_;
  for (const auto& [handle, model] : models_)
    report.models.push_back({.name = model.owner.name(), .file = model.file, .loaded = true});
  report.contexts.assign(finished_.begin(), finished_.end());
  for (const auto& [handle, context] : contexts_) {
    ContextRow row = context->row;
    row.after = late_of(*context);
    row.computed = context->computed.load(std::memory_order_relaxed);
    row.taken_after = saturating_sub(accounts_.taken_by(context->owner.name()), context->taken_at_ready);
    const Bytes grown = device::growth(context->at_ready, context->meter->read());
    report.grown_since_ready = std::max(report.grown_since_ready.value_or(Bytes{}), grown);
    report.contexts.push_back(std::move(row));
  }
  report.contexts_left_out = left_out_;
}

}  // namespace plimsoll::guard
