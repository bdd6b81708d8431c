// plimsoll calibrate: measures what the backend takes for itself with this model and keeps it, so that later plans know
// it.
#include <fmt/format.h>

#include <memory>

#include <plimsoll/base/error.hpp>

#include "commands.hpp"
#include "exit_status.hpp"
#include "opening.hpp"
#include "report.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

struct CalibrateOptions {
  ModelOptions model;
  CLI::Option* forget = nullptr;
  std::string forgotten;  // empty: everything
};

// A device is known by its name, everything else is a model.
int forget(const std::string& what) {
  plan::Store store;
  if (!store.usable()) throw Error(ErrorCode::io, fmt::format("nothing is remembered in {}", store.path()));
  if (what.empty()) {
    store.forget_everything();
    fmt::print(stderr, "plimsoll: forgot everything in {}\n", store.path());
    return done;
  }
  std::size_t gone = store.forget_device(what);
  if (gone == 0) gone = store.forget_model(what);
  if (gone == 0)
    throw Error(ErrorCode::usage,
                fmt::format("nothing is remembered of '{}', neither as a device nor as a model", what));
  fmt::print(stderr, "plimsoll: forgot {} dry runs and measurements of '{}' in {}\n", gone, what, store.path());
  return done;
}

Json to_json(const Opened& opened) {
  Json runtime = Json::array();
  for (const plan::Entry& entry : opened.figures.ready) {
    if (entry.stage == memory::Stage::runtime)
      runtime.push_back({{"device", entry.device.name()}, {"bytes", entry.bytes.value()}});
  }
  const run::WarmUpReport& report = opened.instance->warm_up_report();
  return {{"schema", "plimsoll.calibration/1"},
          {"model", opened.instance->name()},
          {"complete", report.complete()},
          {"pipeline_cache", to_string(opened.instance->pipeline_cache())},
          {"read_from", opened.instance->how_growth_is_read()},
          {"runtime", runtime},
          {"warm_up", warm_up_json(report)}};
}

void print_table(const Opened& opened) {
  const run::WarmUpReport& report = opened.instance->warm_up_report();
  fmt::print("{:<36} {:>5} {:>12} {:>10}\n", "step", "sweep", "growth", "ms");
  for (const run::WarmUpStep& step : report.steps) {
    if (step.growth == Bytes{} && step.sweep > 1) continue;
    fmt::print("{:<36} {:>5} {:>12} {:>10.1f}\n", step.name, step.sweep, format_bytes(step.growth), step.ms);
  }
  fmt::print("\n{} sweeps; pipeline cache {}; read from {}\n", report.sweeps,
             to_string(opened.instance->pipeline_cache()), opened.instance->how_growth_is_read());
  for (const plan::Entry& entry : opened.figures.ready) {
    if (entry.stage != memory::Stage::runtime) continue;
    fmt::print("runtime on {}: {} ({} bytes), {}\n", entry.device.name(), format_bytes(entry.bytes),
               entry.bytes.value(),
               report.complete() ? "kept as a calibration" : "NOT kept: the warm-up did not see everything");
  }
}

int run(const GlobalOptions& global, const CalibrateOptions& options) {
  if (options.forget->count() > 0) return forget(options.forgotten);
  for (const plan::Request& request : requests(options.model, 1000)) {
    plan::PlannerOptions planning = planner_options(options.model);
    planning.beyond_estimates = true;
    const Opened opened = open(request, planning, opening_options(options.model, {.warm_up = "full"}, "calibrate"));
    if (!opened.instance) return report_refusal(opened.plan, global.json);
    if (global.json) {
      fmt::print("{}\n", to_json(opened).dump(2));
    } else {
      fmt::print("{}\n", opened.instance->name());
      print_table(opened);
    }
  }
  return done;
}

}  // namespace

void add_calibrate(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("calibrate", "Measure what the backend takes for itself, for later plans");
  auto options = std::make_shared<CalibrateOptions>();
  add_model_options(*command, options->model);
  add_model_files(*command, options->model);
  options->forget =
      command
          ->add_option("--forget", options->forgotten,
                       "MODEL|DEVICE: forget dry runs and calibrations of a model or a device instead (none: all)")
          ->expected(0, 1);
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
