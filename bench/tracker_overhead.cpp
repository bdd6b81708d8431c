// What being watched costs an allocation: a small CPU buffer allocated and freed past the hook, through the hook with
// nobody watching, and with the accounting of a running program, before and after the seal. See docs/benchmarks.md.
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <ggml-backend.h>

#include <cstdlib>

#include "base/clock.hpp"
#include "memory/event_log.hpp"
#include "tracker/scope.hpp"
#include "tracker/tracker.hpp"

namespace {

using namespace plimsoll;

constexpr std::size_t kBytes = 4096;
const std::string kOwner = "model";

// ggml's own, as found behind the definitions of the hook.
template <class Function>
Function* ggmls_own(Function*, const char* name) {
  void* symbol = dlsym(RTLD_NEXT, name);
  if (symbol == nullptr) std::abort();
  return reinterpret_cast<Function*>(symbol);
}

template <class Allocate, class Free>
void allocate_and_free(benchmark::State& state, Allocate* allocate, Free* free_buffer) {
  ggml_backend_buffer_type_t type = ggml_backend_cpu_buffer_type();
  for (auto _ : state) {
    ggml_backend_buffer_t buffer = allocate(type, kBytes);
    if (buffer == nullptr) {
      state.SkipWithError("the allocation was refused");
      return;
    }
    benchmark::DoNotOptimize(buffer);
    free_buffer(buffer);
  }
}

void ggml_alone(benchmark::State& state) {
  allocate_and_free(state, ggmls_own(&ggml_backend_buft_alloc_buffer, "ggml_backend_buft_alloc_buffer"),
                    ggmls_own(&ggml_backend_buffer_free, "ggml_backend_buffer_free"));
}

void hook_unwatched(benchmark::State& state) {
  allocate_and_free(state, &ggml_backend_buft_alloc_buffer, &ggml_backend_buffer_free);
}

// The accounting of a program that runs models: two other models' entries, a budget, an event log, a reservation with
// room.
void watched(benchmark::State& state, bool sealed) {
  const SystemClock clock;
  memory::EventLog events(clock);
  memory::Ledger ledger(&events);
  memory::Seal seal;
  memory::LedgerCapacity limited(ledger);
  memory::SealedCapacity capacity(limited, ledger, seal);
  const auto entries = [](const std::string& owner) {
    std::vector<memory::Ledger::PlannedEntry> all;
    for (const auto stage :
         {memory::Stage::weights, memory::Stage::kv_cache, memory::Stage::compute, memory::Stage::output}) {
      all.push_back(
          {.tag = {.device = device::host(), .owner = owner, .stage = stage, .buffer = "CPU"}, .bytes = 1_GiB});
    }
    return all;
  };
  ledger.set_budget(device::host(), 64_GiB);
  const auto first = ledger.reserve("first", entries("first"));
  const auto second = ledger.reserve("second", entries("second"));
  const auto ours = ledger.reserve(kOwner, entries(kOwner));
  if (!first || !second || !ours) {
    state.SkipWithError("the reservation was refused");
    return;
  }
  if (sealed) seal.close(kOwner);
  tracker::Tracker watching(ledger, capacity);
  watching.start();
  {
    const tracker::Scope scope(kOwner, tracker::Phase::decode);
    hook_unwatched(state);
  }
  watching.stop();
}

void watched_open(benchmark::State& state) { watched(state, false); }
void watched_sealed(benchmark::State& state) { watched(state, true); }

BENCHMARK(ggml_alone);
BENCHMARK(hook_unwatched);
BENCHMARK(watched_open);
BENCHMARK(watched_sealed);

}  // namespace

int main(int argc, char** argv) {
  if (!plimsoll::hook::in_the_way()) return std::fputs("tracker_overhead: the hook is not in the way\n", stderr), 2;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
