// plimsoll top: hosts a fleet in this process and shows it: devices with their budget, models, events.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <plimsoll/base/error.hpp>
#include "base/sleep.hpp"
#include "dry_run/dry_run_process.hpp"
#include "host/host.hpp"
#include "monitor/report.hpp"
#include "tui/top_frame.hpp"
#include "tui/top_screen.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "fleet_options.hpp"
#include "interrupt.hpp"
#include "opening.hpp"

namespace plimsoll::app {
namespace {

struct TopOptions {
  ModelOptions model;  // only its budgets
  std::string fleet;
  bool frame = false;
  int frames = 0;
  int interval_ms = 1000;
};

// Waits for the models that are loaded at the start; false where Ctrl-C came first.
bool settled(const host::Host& host) {
  const auto moving = [](const host::ModelStatus& model) {
    return model.state == host::ModelState::loading || model.state == host::ModelState::warming ||
           model.state == host::ModelState::draining;
  };
  for (;;) {
    const host::HostStatus status = host.status();
    if (status.waiting == 0 && std::ranges::none_of(status.models, moving)) return true;
    if (!sleep_unless_stopped(std::chrono::milliseconds(10), interrupts())) return false;
  }
}

int say_interrupted() {
  fmt::print(stderr, "plimsoll: interrupted\n");
  return interrupted;
}

int print_frames(tui::TopControl& control, monitor::Monitor& monitor, int count, std::chrono::milliseconds interval) {
  for (int i = 0; i < count; ++i) {
    if (i > 0 && !sleep_unless_stopped(interval, interrupts())) return say_interrupted();
    (void)monitor.sample_now();
    fmt::print("{}{}", i > 0 ? "\n" : "", tui::top_frame(control.state()));
    std::fflush(stdout);
  }
  return done;
}

int run_headless(const GlobalOptions& global, const TopOptions& options, host::Host& host) {
  if (!settled(host)) return say_interrupted();
  monitor::Monitor monitor(host, {.beat = std::chrono::milliseconds(0)});
  if (global.json) {
    const monitor::Sample sample = monitor.sample_now();
    const auto status = monitor::to_json(sample, monitor.counters(), host.fleet().get());
    fmt::print("{}\n", status.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return done;
  }
  tui::TopControl control(host, monitor, options.fleet);
  return print_frames(control, monitor, std::max(options.frames, 1), std::chrono::milliseconds(options.interval_ms));
}

int run_on_terminal(const TopOptions& options, host::Host& host) {
  const std::chrono::milliseconds interval(options.interval_ms);
  monitor::Monitor monitor(host, {.beat = interval});
  tui::TopControl control(host, monitor, options.fleet);
  const char* no_colour = std::getenv("NO_COLOR");
  const bool colour = no_colour == nullptr || *no_colour == '\0';
  const tui::Left left = tui::run_top(control, {.interval = interval, .colour = colour, .stop = interrupts()});
  return left == tui::Left::by_interrupt ? say_interrupted() : done;
}

int run(const GlobalOptions& global, const TopOptions& options) {
  const bool headless = global.json || options.frame || options.frames > 0;
  if (!headless && (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0))
    throw Error(ErrorCode::usage,
                "stdin and stdout must be a terminal; --frame prints one picture, --json the figures");
  const host::Fleet fleet = fleet_of(options.fleet, options.model);
  dry_run::DryRunProcess dry_runs({program_path(), "dry-run-worker"});
  plan::Store store;
  run::MemoryAccounting accounting(join_machine("top"));
  host::Host host(accounting, fleet, dry_runs, store, {.worker_program = {program_path(), "model-worker"}});
  return headless ? run_headless(global, options, host) : run_on_terminal(options, host);
}

}  // namespace

void add_top(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("top", "Host a fleet and watch it: devices, models, events");
  auto options = std::make_shared<TopOptions>();
  command->add_option("--fleet", options->fleet, "Fleet file (TOML)")->envname("PLIMSOLL_FLEET")->required();
  for (const char* flag : {"--budget", "--no-prefault"})
    add_option(*command, options->model, options::option_of_flag(flag));
  command->add_flag("--frame", options->frame, "Print one picture of 80 x 24 as plain text and end");
  command->add_option("--frames", options->frames, "Print that many of them")->check(CLI::Range(1, 1'000'000));
  command->add_option("--interval", options->interval_ms, "Milliseconds between two pictures")
      ->check(CLI::Range(50, 3'600'000))
      ->capture_default_str();
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
