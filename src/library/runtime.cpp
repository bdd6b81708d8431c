#include <plimsoll/runtime.hpp>

#include <utility>

#include "base/version.hpp"
#include "tracker/tracker.hpp"

#include "model_state.hpp"
#include "opening.hpp"
#include "own_process.hpp"
#include "runtime_state.hpp"

namespace plimsoll {
namespace {

// MemoryAccounting says it of itself as a fault of ours; a program that makes two runtimes has made the mistake.
std::shared_ptr<Runtime::State> the_only_one(const RuntimeOptions& options) {
  try {
    return std::make_shared<Runtime::State>(options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::internal) throw;
    if (library::is_of_another_process())
      throw Error(
          ErrorCode::usage,
          "this process was forked from one with a runtime, and can have none: fork before one is made, or start "
          "a program");
    throw Error(ErrorCode::usage, "a process has one runtime at a time: copy the handle of the one that is there");
  }
}

DeviceStatus status_of(const dry_run::DeviceView& device, run::MemoryAccounting& accounting) {
  const memory::DeviceAccount account = accounting.ledger().account(device.info.id);
  return {.info = device.info,
          .total = device.reading.total,
          .free = device.reading.free,
          .budget = account.budget,
          .reserved = account.reserved,
          .taken = account.taken,
          .committed = account.committed};
}

}  // namespace

Runtime::State::State(const RuntimeOptions& options)
    : budgets(options.budgets), require_enforcing(options.require_enforcing), store(options.store.string()) {
  if (require_enforcing) tracker::require_enforcing();
  accounting.set_prefault(options.prefault);
  library::process_of_runtime = getpid();
}

Runtime::Runtime(const RuntimeOptions& options) : state_(the_only_one(options)) {}

const std::shared_ptr<Runtime::State>& Runtime::state() const { return library::held_here(state_, "runtime"); }

Plan Runtime::plan(const std::filesystem::path& path, const ModelOptions& options) {
  return Plan(library::planned(*state(), library::request_of(path, options), options).plan);
}

ReservedModel Runtime::reserve(const std::filesystem::path& path, const ModelOptions& options) {
  library::Planned planned =
      library::planned(*state(), library::request_of(path, options), options, {}, library::Purpose::to_be_opened);
  Plan plan(planned.plan);
  return {library::reserved(state(), std::move(planned), options), std::move(plan)};
}

Model Runtime::open(const std::filesystem::path& path, const ModelOptions& options) {
  return reserve(path, options).load().create_context().warm_up();
}

Plan Runtime::plan(const std::filesystem::path& path, const ModelOptions& options,
                   std::span<const ContextOptions> contexts) {
  return Plan(library::planned(*state(), library::request_of(path, options), options, contexts).plan);
}

std::vector<Model> Runtime::open(const std::filesystem::path& path, const ModelOptions& options,
                                 std::span<const ContextOptions> contexts) {
  library::Planned planned =
      library::planned(*state(), library::request_of(path, options), options, contexts, library::Purpose::to_be_opened);
  std::vector<Model> out;
  for (auto& one : library::reserved(state(), std::move(planned), options, contexts))
    out.push_back(library::opened(std::move(one)));
  return out;
}

std::vector<DeviceStatus> Runtime::devices() const {
  State& state = *this->state();
  const std::lock_guard lock(state.planning);
  std::vector<DeviceStatus> out;
  for (const dry_run::DeviceView& device : state.dry_runs.devices()) out.push_back(status_of(device, state.accounting));
  return out;
}

std::vector<memory::Entry> Runtime::ledger() const { return state()->accounting.ledger().entries(); }

memory::EventRecord Runtime::events() const { return state()->accounting.events().record(); }

std::string_view Runtime::tracker_mode() const {
  (void)state();
  return tracker::to_string(tracker::mode());
}

std::string_view Runtime::version() noexcept { return plimsoll::version(); }

std::string_view Runtime::engine_version() noexcept { return engine_version_built_against(); }

}  // namespace plimsoll
