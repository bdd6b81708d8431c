#include "run/instance.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "base/log.hpp"
#include "engine/backend.hpp"
#include "run/pipeline_cache.hpp"
#include "run/shown_models.hpp"
#include "tracker/refusal_throws.hpp"
#include "tracker/scope.hpp"

#include "media_warm_up.hpp"
#include "runtime_growth.hpp"

namespace plimsoll::run {
namespace {

std::vector<dry_run::DeviceView> computing(const plan::ModelPlan& plan,
                                           const std::vector<plan::DeviceVerdict>& devices) {
  std::vector<dry_run::DeviceView> views;
  const auto wanted = plan::computing_devices(plan.dry_run);
  for (const plan::DeviceVerdict& verdict : devices) {
    if (!std::ranges::contains(wanted, verdict.state.info.id)) continue;
    views.push_back({.info = verdict.state.info, .reading = verdict.state.reading});
  }
  return views;
}

std::vector<device::DeviceInfo> infos(const std::vector<dry_run::DeviceView>& views) {
  std::vector<device::DeviceInfo> out;
  for (const dry_run::DeviceView& view : views) out.push_back(view.info);
  return out;
}

memory::Reservation reserve(MemoryAccounting& accounting, const plan::ModelPlan& plan, const Sharing& sharing) {
  auto entries = plan::reservation_entries(plan);
  if (sharing.compute_buffers != nullptr)
    std::erase_if(entries, [](const auto& entry) { return entry.tag.stage == memory::Stage::compute; });
  auto reservation = accounting.ledger().reserve(plan.name, entries);
  if (!reservation) throw memory::Refused(std::move(reservation.error()));
  return std::move(*reservation);
}

}  // namespace

Instance::Instance(MemoryAccounting& accounting, plan::ModelPlan plan, const std::vector<plan::DeviceVerdict>& devices,
                   Sharing sharing, memory::Owner owner)
    : accounting_(accounting),
      owner_(owner.name().empty() ? accounting.owners().claim(plan.name) : std::move(owner)),
      plan_(std::move(plan)),
      sharing_(sharing),
      devices_(computing(plan_, devices)),
      meter_(accounting.probe(), infos(devices_)),
      reservation_(reserve(accounting, plan_, sharing_)) {
  if (sharing_.compute_buffers != nullptr) borrowing_ = sharing_.compute_buffers->lend_to(plan_.name);
  if (sharing_.loop != nullptr) join(*sharing_.loop);
  accounting_.shown().set(plan_.name, {.work = broker::Work::loading});
  accounting_.shown().publish();
}

Instance::~Instance() {
  accounting_.seal().open(plan_.name);
  const tracker::Scope scope(plan_.name, tracker::Phase::none);  // shared buffers are given back under its name
  context_.reset();
  projector_.reset();
  adapters_.clear();
  uploaded_.clear();
  model_.reset();
  for (const RuntimeShare& share : runtime_) {
    const memory::Tag tag = runtime_tag(share.device);
    accounting_.ledger().leaving(tag, share.taken);
    accounting_.ledger().give_back(tag, share.taken);
  }
  reservation_.release();
  accounting_.shown().forget(plan_.name);
  accounting_.shown().publish();
}

void Instance::must_be(State state, const char* what) const {
  if (state_ != state)
    throw Error(ErrorCode::usage, fmt::format("{} of '{}' was called out of its order", what, plan_.name));
}

template <class Stage>
void Instance::attributed(tracker::Phase phase, const char* what, Stage&& stage) {
  tracker::Scope scope(plan_.name, phase);
  try {
    stage(scope);
  } catch (const Error& error) {
    auto refusal = scope.take_refusal();
    if (!refusal || error.code() == ErrorCode::cancelled) throw;
    throw memory::Refused(std::move(*refusal), fmt::format("{} '{}'", what, plan_.name));
  }
}

void Instance::join(DecodeLoop& loop) {
  loop_owner_ = loop.join();
  loop_ = &loop;
}

// What is thrown before the work begins comes from the compute buffers that are to be this context's.
void Instance::on_loop(const std::function<void()>& work) {
  if (loop_ == nullptr) return work();
  bool has_begun = false;
  try {
    loop_->run(loop_owner_, [&] {
      has_begun = true;
      work();
    });
  } catch (...) {
    if (!has_begun) note_broken_off();
    throw;
  }
}

// The loop's thread then works under this thread's scope.
template <class Work>
void Instance::on_loop(tracker::Scope& scope, Work&& work) {
  on_loop([&] {
    const tracker::Scope::Joined joined(scope);
    work();
  });
}

// Where weights are planned on accelerators: none, where it would not be worth it.
tracker::Uploads::Request Instance::upload_request(std::shared_ptr<const tracker::KeptWeights> kept) const {
  tracker::Uploads::Request request{.model = plan_.request.model, .devices = {}, .kept = std::move(kept)};
  Bytes sum;
  for (const plan::Entry& entry : plan_.entries) {
    if (entry.stage != memory::Stage::weights || entry.device.is_host()) continue;
    sum += entry.bytes;
    if (!std::ranges::contains(request.devices, entry.device)) request.devices.push_back(entry.device);
  }
  if (sum < accounting_.tracker().uploads_from()) request.devices.clear();
  return request;
}

void Instance::note_uploads(const tracker::Uploads& uploads, double ms) {
  uploaded_ = uploads.weights();
  upload_counts_ = uploads.counts();
  if (!uploads.is_active()) return;
  const Bytes all = upload_counts_.from_file + upload_counts_.from_kept;
  log::info("run", "'{}': loaded in {:.1f} ms; {} went to its devices in {:.1f} of them, {} from memory that was kept",
            plan_.name, ms, format_bytes(all), upload_counts_.ms, format_bytes(upload_counts_.from_kept));
}

void Instance::load(engine::Progress progress, std::stop_token stop, std::shared_ptr<const tracker::KeptWeights> kept) {
  must_be(State::reserved, "load()");
  if (!plan_.weights_of.empty())
    throw Error(ErrorCode::usage,
                fmt::format("'{}' was planned with the weights of '{}'", plan_.name, plan_.weights_of));
  begin_loading();
  attributed(tracker::Phase::load, "loading", [&](tracker::Scope&) {
    const Stopwatch watch;
    tracker::Uploads uploads(accounting_.ledger(), upload_request(std::move(kept)));
    auto model = engine::Model::load(plan_.request.model, {.progress = std::move(progress), .stop = std::move(stop)});
    uploads.finish();
    note_uploads(uploads, watch.elapsed_ms());
    model_ = std::move(model);
  });
  load_beside_the_model();
}

void Instance::take_over_model(std::shared_ptr<engine::Model> model) {
  must_be(State::reserved, "take_over_model()");
  if (model->params() != plan_.request.model)
    throw Error(ErrorCode::usage,
                fmt::format("'{}' was planned for another file, or with other parameters", plan_.name));
  begin_loading();
  model_ = std::move(model);
  load_beside_the_model();
}

void Instance::begin_loading() {
  engine::start_backends();
  runtime_growth_ = std::make_unique<RuntimeGrowth>(accounting_.ledger(), meter_, infos(devices_));
}

void Instance::load_beside_the_model() {
  try {
    attributed(tracker::Phase::adapter, "loading an adapter for", [&](tracker::Scope&) {
      for (const engine::AdapterParams& adapter : plan_.request.adapters) {
        adapters_.emplace_back(engine::Adapter::load(model_, adapter.path), adapter.scale);
      }
    });
    load_projector();
  } catch (...) {
    adapters_.clear();
    uploaded_.clear();
    model_.reset();
    throw;
  }
  state_ = State::loaded;
}

void Instance::load_projector() {
  engine::ProjectorParams params = plan_.request.projector;
  if (!params.wanted()) return;
  params.image_max_tokens = plan_.dry_run.picture_limit;  // no picture is to need more than was planned
  attributed(tracker::Phase::projector, "loading the projector of", [&](tracker::Scope& scope) {
    std::unique_ptr<engine::Projector> loaded;
    {
      const hook::RefusalThrows refused_weights;
      loaded = engine::Projector::load(model_, params);
    }
    // The engine goes on where its compute buffers were refused, and would later compute into none.
    if (auto refusal = scope.take_refusal())
      throw memory::Refused(std::move(*refusal), fmt::format("loading the projector of '{}'", plan_.name));
    projector_ = std::move(loaded);
  });
}

engine::Projector& Instance::projector() {
  if (!projector_) throw Error(ErrorCode::usage, fmt::format("'{}' was planned without a projector", plan_.name));
  return *projector_;
}

// A graph that was refused its buffer leaves the projector's scheduler without one, and the next would compute into it.
std::vector<float> Instance::project(const engine::PromptChunk& chunk) {
  engine::Projector& projector = this->projector();
  if (projector_is_spoilt_)
    throw Error(ErrorCode::engine_failed, fmt::format("the projector of '{}' was refused memory before", plan_.name));
  std::size_t& largest = chunk.kind() == engine::ChunkKind::audio ? largest_sound_ : largest_picture_;
  if (state_ == State::sealed && largest > 0 && chunk.n_tokens() > largest) {
    throw Error(
        ErrorCode::sealed,
        fmt::format("this medium is {} vectors, and '{}' was warmed up for {}", chunk.n_tokens(), plan_.name, largest),
        {{"requested", chunk.n_tokens()}, {"available", largest}});
  }
  std::vector<float> vectors;
  try {
    attributed(tracker::Phase::projector, "encoding a medium for",
               [&](tracker::Scope& scope) { on_loop(scope, [&] { vectors = projector.encode(chunk); }); });
  } catch (const Error& error) {
    projector_is_spoilt_ = error.code() == ErrorCode::over_budget || error.code() == ErrorCode::sealed ||
                           error.code() == ErrorCode::out_of_device_memory;
    throw;
  }
  largest = std::max(largest, chunk.n_tokens());
  return vectors;
}

void Instance::create_context() {
  must_be(State::loaded, "create_context()");
  if (loop_ == nullptr) {
    own_loop_ = std::make_unique<DecodeLoop>();
    join(*own_loop_);
  }
  attributed(tracker::Phase::context, "creating the context of", [&](tracker::Scope& scope) {
    std::unique_ptr<engine::Context> context;
    on_loop(scope, [&] { context = engine::Context::create(model_, plan_.request.context); });
    if (!plan_.dry_run.context.can_shift) context->forbid_shift();
    set_all_adapters(*context);
    if (const auto& vector = plan_.request.control_vector; !vector.files.empty()) {
      const tracker::Scope adapter(plan_.name, tracker::Phase::adapter);
      context->set_control_vector(engine::load_control_vector(model_->facts(), vector));
    }
    context_ = std::move(context);
  });
  state_ = State::has_context;
}

engine::Context& Instance::context() {
  if (!context_) throw Error(ErrorCode::usage, fmt::format("'{}' has no context yet", plan_.name));
  return *context_;
}

const WarmUpReport& Instance::warm_up(WarmUpOptions options, plan::Store* store) {
  must_be(State::has_context, "warm_up()");
  options.outputs = plan_.dry_run.outputs;
  on_loop([&] { set_all_adapters(*context_); });
  for (auto& step : media_warm_up(*this)) options.more.push_back(std::move(step));
  const PipelineCacheWatch pipelines;
  const bool accelerated = std::ranges::any_of(devices_, [](const auto& view) { return !view.info.id.is_host(); });
  options.earlier = earlier_warm_up(store);
  if (options.earlier)
    options.earlier->compiling = [&] { return pipelines.state(accelerated) == plan::PipelineCache::cold; };
  attributed(tracker::Phase::decode, "warming up", [&](tracker::Scope& scope) {
    // Step by step, so that others of the same compute group compute in between.
    options.run_step = [&](const std::function<void()>& step) { on_loop(scope, step); };
    take_room_for_shifts(scope);
    warm_up_ = run::warm_up(*context_, meter_, options);
  });
  pipeline_cache_ = pipelines.state(accelerated);
  if (options.depth != WarmUpDepth::none) measure_runtime(store);
  runtime_growth_.reset();
  on_loop([&] { use_adapters({}); });
  mark_ready();
  state_ = State::warm;
  return warm_up_;
}

void Instance::reuse_warm_up(const WarmUpReport& earlier, const Runtime& runtime) {
  must_be(State::has_context, "reuse_warm_up()");
  attributed(tracker::Phase::decode, "warming up", [&](tracker::Scope& scope) { take_room_for_shifts(scope); });
  warm_up_ = earlier;
  runtime_growth_.reset();
  for (const RuntimeShare& share : runtime) charge_runtime(share.device, share.taken, share.reserved);
  on_loop([&] { use_adapters({}); });
  mark_ready();
  state_ = State::warm;
}

void Instance::seal() {
  must_be(State::warm, "seal()");
  mark_ready();
  counts_at_seal_ = accounting_.seal().counts(plan_.name);
  accounting_.seal().close(plan_.name);
  state_ = State::sealed;
  accounting_.shown().set(plan_.name, {.work = broker::Work::busy});
  accounting_.shown().publish();
}

// Shared compute buffers are left only when nothing reads them any more. Rows that were asked for are waited for here,
// so that whoever reads them does none of the backend's work: what a backend takes on one thread and frees on another
// adds up in the C library's arenas.
template <class Work>
engine::DecodeStatus Instance::computed(const engine::Batch& batch, std::span<const float> adapter_scales,
                                        Work&& work) {
  engine::DecodeStatus status = engine::DecodeStatus::failed;
  bool moves = false;
  tracker::Scope scope(plan_.name, tracker::Phase::decode);
  on_loop(scope, [&] {
    const DecodeLoop::Timed timed(*loop_);  // a batch of vectors comes as a job
    use_adapters(adapter_scales);
    moves = context().has_pending_moves();
    std::optional<memory::Seal::Exchange> exchange;
    // A move after graphs have changed takes what it needs beyond theirs anew.
    if (std::exchange(graphs_have_changed_, false) || (moves && plan_.dry_run.shift_takes_more))
      exchange.emplace(accounting_.seal(), plan_.name);
    try {
      status = work();
      if (sharing_.compute_buffers != nullptr || batch.outputs() > 0) {
        const engine::DecodeStatus waited = context().wait();
        if (status == engine::DecodeStatus::ok) status = waited;
      }
    } catch (const Error& error) {  // ours: most are about the batch
      if (error.code() == ErrorCode::engine_failed) note_broken_off();
      throw;
    } catch (...) {  // the backend's own: what it leaves behind nobody knows
      note_broken_off();
      throw;
    }
  });
  auto refusal = scope.take_refusal();
  // The engine decodes on where it got no memory to move in, with keys that are not where their positions say.
  if (moves && refusal && status == engine::DecodeStatus::ok) status = engine::DecodeStatus::out_of_memory;
  status = explained(status, std::move(refusal));
  if (context().broke_off()) {
    note_broken_off();
  } else if (status == engine::DecodeStatus::failed) {
    ++failures_;
  } else if (status == engine::DecodeStatus::ok && !has_failed()) {
    failures_ = 0;
  }
  tokens_.fetch_add(static_cast<std::uint64_t>(batch.size()), std::memory_order_relaxed);
  return status;
}

// The engine calls a refusal by different names, depending on where in a decode it met it.
engine::DecodeStatus Instance::explained(engine::DecodeStatus status, std::optional<memory::Refusal> refusal) {
  const bool for_memory = status == engine::DecodeStatus::out_of_memory || status == engine::DecodeStatus::failed;
  if (!refusal || !for_memory) return status;
  const std::lock_guard lock(last_refusal_mutex_);
  last_refusal_ = std::move(refusal);
  return engine::DecodeStatus::out_of_memory;
}

std::optional<memory::Refusal> Instance::last_refusal() const {
  const std::lock_guard lock(last_refusal_mutex_);
  return last_refusal_;
}

engine::DecodeStatus Instance::decode(const engine::Batch& batch, std::stop_token stop,
                                      std::span<const float> adapter_scales) {
  if (state_ == State::sealed && std::cmp_greater(batch.outputs(), plan_.dry_run.outputs)) {
    throw Error(ErrorCode::sealed,
                fmt::format("this batch asks for {} rows of logits, '{}' holds {}; plan it with n_outputs_max {}",
                            batch.outputs(), plan_.name, plan_.dry_run.outputs, batch.outputs()),
                {{"requested", static_cast<std::uint64_t>(batch.outputs())}, {"available", plan_.dry_run.outputs}});
  }
  return computed(batch, adapter_scales, [&] { return context().decode(batch, std::move(stop)); });
}

engine::DecodeStatus Instance::encode(const engine::Batch& batch, std::span<const float> adapter_scales) {
  return computed(batch, adapter_scales, [&] { return context().encode(batch); });
}

void Instance::claim_sequences() {
  if (!claimed_.exchange(true)) return;
  throw Error(ErrorCode::busy, fmt::format("another executor has the sequences of '{}'", plan_.name));
}

}  // namespace plimsoll::run
