// plimsoll ps: who holds and is promised what of this machine's memories.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/sleep.hpp"
#include "broker/machine_ledger.hpp"
#include "monitor/machine_report.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "interrupt.hpp"

namespace plimsoll::app {
namespace {

struct PsOptions {
  bool watch = false;
  int interval_ms = 1000;
};

constexpr const char* kClearScreen = "\x1b[H\x1b[2J";

broker::Picture picture() {
  auto seen = broker::picture_of_machine();
  if (!seen) throw Error(ErrorCode::io, seen.error());
  return std::move(*seen);
}

void print(const GlobalOptions& global, bool watches) {
  const broker::Picture seen = picture();
  const broker::BootTime now = broker::boot_time();
  if (global.json) {
    // One line for each look, where there are several.
    fmt::print("{}\n", monitor::to_json(seen, now).dump(watches ? -1 : 2));
  } else {
    const bool clears = watches && isatty(STDOUT_FILENO) != 0;
    fmt::print("{}{}", clears ? kClearScreen : "", monitor::to_table(seen, now));
  }
  std::fflush(stdout);
}

int run(const GlobalOptions& global, const PsOptions& options) {
  print(global, options.watch);
  if (!options.watch) return done;
  while (sleep_unless_stopped(std::chrono::milliseconds(options.interval_ms), interrupts())) {
    if (!global.json && isatty(STDOUT_FILENO) == 0) fmt::print("\n");
    print(global, true);
  }
  return interrupted;
}

}  // namespace

void add_ps(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("ps", "All Plimsoll processes of this machine: models, reserved, taken, idle");
  auto options = std::make_shared<PsOptions>();
  command->add_flag("--watch", options->watch, "Show it again and again, until Ctrl-C");
  command->add_option("--interval", options->interval_ms, "Milliseconds between two looks")
      ->check(CLI::Range(50, 3'600'000))
      ->capture_default_str();
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
