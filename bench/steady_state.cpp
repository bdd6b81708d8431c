// steady_state: a sealed model under a mixed workload; counts what it still takes. One JSON object on stdout; exit
// status 1 where a promise of the seal was not kept.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "run/open.hpp"

#include "mixed_workload.hpp"

namespace {

using namespace plimsoll;
using Json = nlohmann::ordered_json;

struct Options {
  std::string model;
  std::string device;
  workload::MixedOptions mixed;
  std::uint32_t n_ctx = 1024;
  std::uint32_t n_batch = 128;
  std::uint32_t n_ubatch = 64;
  std::uint32_t n_seq_max = 4;
  std::uint32_t outputs = 64;
};

run::OpenOptions open_options(const Options& options) {
  run::OpenOptions open;
  open.require_enforcing = true;
  if (!options.device.empty()) open.model.devices = {options.device};
  open.context.n_ctx = options.n_ctx;
  open.context.n_batch = options.n_batch;
  open.context.n_ubatch = options.n_ubatch;
  open.context.n_seq_max = options.n_seq_max;
  open.context.n_outputs_max = options.outputs;
  return open;
}

Json to_json(const run::Instance& instance, const workload::MixedFigures& figures, double ms) {
  const run::WarmUpReport& warm_up = instance.warm_up_report();
  return {
      {"schema", "plimsoll.steady_state/1"},
      {"model", instance.name()},
      {"decodes", figures.decodes},
      {"operations", figures.operations},
      {"allocations", figures.allocations},
      {"allocations_after_seal", figures.seal.allocations_after_seal},
      {"refused_after_seal", figures.seal.refused_after_seal},
      {"graph_reallocations", figures.graph_reallocations},
      {"growth_bytes", figures.growth.value()},
      {"growth_read_from", figures.growth_source},
      {"largest_step", {{"operation", figures.largest_step}, {"growth_bytes", figures.largest_step_growth.value()}}},
      {"warm_up",
       {{"ms", warm_up.ms},
        {"growth_bytes", warm_up.growth().value()},
        {"sweeps", warm_up.sweeps},
        {"complete", warm_up.complete()}}},
      {"ms", ms},
      {"violations", figures.violations()}};
}

int measure(const Options& options) {
  run::MemoryAccounting accounting;
  const auto instance = run::open(accounting, options.model, open_options(options));
  const Stopwatch watch;
  const workload::MixedFigures figures = workload::run_mixed(*instance, options.mixed);
  fmt::print("{}\n", to_json(*instance, figures, watch.elapsed_ms()).dump(2));
  return figures.violations().empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"A sealed model under a mixed workload: what it still takes"};
  app.add_option("model", options.model, "GGUF file")->required();
  app.add_option("--device", options.device, "Device by name; none: the CPU alone; empty: every accelerator");
  app.add_option("--decodes", options.mixed.decodes, "Decode calls at least")->capture_default_str();
  app.add_option("--seed", options.mixed.seed, "Of the order of operations")->capture_default_str();
  app.add_option("--ctx-size", options.n_ctx, "Tokens of context of all sequences")->capture_default_str();
  app.add_option("--batch-size", options.n_batch, "Tokens of one decode call")->capture_default_str();
  app.add_option("--ubatch-size", options.n_ubatch, "Tokens the device computes at once")->capture_default_str();
  app.add_option("--parallel", options.n_seq_max, "Sequences")->capture_default_str();
  app.add_option("--outputs", options.outputs, "Rows of logits a batch may ask for")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return measure(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "steady_state: {}\n", error.what());
    return 2;
  }
}
