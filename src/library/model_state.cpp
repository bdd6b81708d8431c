#include "model_state.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "conversation_state.hpp"

namespace plimsoll {
namespace {

std::unique_ptr<run::Instance> instance_of(Runtime::State& runtime, library::Planned& planned, std::size_t index,
                                           run::DecodeLoop* loop) {
  return std::make_unique<run::Instance>(runtime.accounting, std::move(planned.plan.models[index]),
                                         planned.plan.devices, run::Sharing{.loop = loop},
                                         std::move(planned.owners[index]));
}

ModelOptions options_of(const ContextOptions& context) {
  return {.name = context.name, .context = context.context, .warm_up = context.warm_up, .stop = context.stop};
}

// As far as the clock goes: milliseconds::max() is for ever.
std::chrono::steady_clock::time_point deadline_after(std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point now = Clock::now();
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::time_point::max() - now);
  return patience >= most ? Clock::time_point::max() : now + patience;
}

// What a caller's function throws ends the load, and arrives as it is.
class Relay {
 public:
  explicit Relay(const std::function<void(float)>& told) : told_(told) {}
  [[nodiscard]] engine::Progress progress(std::stop_source stop) {
    if (!told_) return {};
    return [this, stop](float share) mutable {
      if (thrown_) return;
      try {
        told_(share);
      } catch (...) {
        thrown_ = std::current_exception();
        stop.request_stop();
      }
    };
  }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  const std::function<void(float)>& told_;
  std::exception_ptr thrown_;
};

}  // namespace

namespace library {

run::WarmUpDepth depth_of(WarmUp warm_up) noexcept {
  switch (warm_up) {
    case WarmUp::automatic:
      return run::WarmUpDepth::automatic;
    case WarmUp::full:
      return run::WarmUpDepth::full;
    case WarmUp::quick:
      return run::WarmUpDepth::quick;
    case WarmUp::none:
      return run::WarmUpDepth::none;
  }
  return run::WarmUpDepth::automatic;
}

}  // namespace library

Model::State::State(std::shared_ptr<Runtime::State> of, library::Planned& planned, const ModelOptions& asked)
    : runtime(std::move(of)),
      loop(std::make_shared<run::DecodeLoop>()),
      options(asked),
      instance(instance_of(*runtime, planned, 0, loop.get())) {
  if (options.draft) draft = instance_of(*runtime, planned, 1, nullptr);
}

Model::State::State(std::shared_ptr<State> of, library::Planned& planned, std::size_t index,
                    const ContextOptions& asked)
    : runtime(of->runtime),
      weights(std::move(of)),
      loop(weights->loop),
      options(options_of(asked)),
      instance(instance_of(*runtime, planned, index, loop.get())) {}

void Model::State::load() {
  if (weights) return instance->take_over_model(weights->instance->model());
  std::stop_source ended;
  const std::stop_callback forward(options.stop, [&] { ended.request_stop(); });
  Relay relay(options.load_progress);
  try {
    instance->load(relay.progress(ended), ended.get_token());
  } catch (...) {
    relay.rethrow();
    throw;
  }
  relay.rethrow();
}

void Model::State::create_context() { instance->create_context(); }

// The draft is loaded once its model is ready: what a backend takes beside its buffers is measured from load to
// warm-up, and is one model's only where no other is made ready meanwhile.
void Model::State::warm_up() {
  warm_up(*instance);
  if (!draft) return;
  draft->load({}, options.stop);
  run::require_draft(*instance->model(), instance->name(), *draft->model(), draft->name());
  draft->create_context();
  warm_up(*draft);
}

void Model::State::begin_to_generate() {
  executor.emplace(*instance);
  if (draft) draft_executor.emplace(*draft);
}

void Model::State::warm_up(run::Instance& one) {
  const std::lock_guard lock(runtime->planning);
  run::WarmUpOptions warm_up{.depth = library::depth_of(options.warm_up)};
  warm_up.stop = options.stop;
  (void)one.warm_up(std::move(warm_up), &runtime->store);
  one.seal();
}

std::shared_ptr<Conversation::State> Model::State::take_sequence(const WaitOptions& wait) {
  std::shared_ptr<Conversation::State> taken;
  wait_for_sequence(wait, [&] { taken = std::make_shared<Conversation::State>(*this); });
  return taken;
}

void Model::State::wait_for_sequence(const WaitOptions& wait, const std::function<void()>& take) {
  const auto deadline = deadline_after(wait.patience);
  const auto try_it = [&] {
    try {
      take();
      return true;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::busy) throw;
      return false;
    }
  };
  const auto times = [&] {
    const std::lock_guard lock(freed_mutex);
    return times_freed;
  };
  for (bool was_freed = true; was_freed;) {
    const std::uint64_t before = times();
    if (try_it()) return;
    std::unique_lock lock(freed_mutex);
    was_freed = freed.wait_until(lock, wait.stop, deadline, [&] { return times_freed != before; });
  }
  if (wait.stop.stop_requested()) throw Error(ErrorCode::cancelled, "waiting for a free sequence was cancelled");
  throw Error(ErrorCode::busy, "every sequence of '" + instance->name() + "' is taken",
              {{"n_seq_max", instance->context().facts().n_seq_max}});
}

void Model::State::sequence_is_free() {
  {
    const std::lock_guard lock(freed_mutex);
    ++times_freed;
  }
  freed.notify_all();
}

}  // namespace plimsoll
