// plimsoll guard: runs a program that is not ours under a budget, with the library that stands before its engine.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include <plimsoll/base/error.hpp>
#include "guard/engine_versions.hpp"
#include "guard/launch.hpp"

#include "commands.hpp"
#include "guarded_command.hpp"
#include "installed_places.hpp"
#include "options.hpp"

namespace plimsoll::app {
namespace {

// Installed beside the program, or where it was built.
std::filesystem::path library() {
  const std::filesystem::path folder = std::filesystem::path(program_path()).parent_path();
  const std::filesystem::path installed = (folder / kInstalledGuard).lexically_normal();
  return std::filesystem::exists(installed) ? installed
                                            : (folder / "../lib/plimsoll/libplimsoll-guard.so").lexically_normal();
}

}  // namespace

void add_guard(CLI::App& app, GlobalOptions&, int& status) {
  CLI::App* command = app.add_subcommand(
      "guard", "Runs a program that uses ggml and llama under a budget: guard [OPTIONS] -- COMMAND...");
  auto wishes = std::make_shared<guard::Wishes>();
  command
      ->add_option("--budget", wishes->budgets, "How far devices may be filled, like Vulkan0=8GiB or 90%; repeatable")
      ->envname("PLIMSOLL_BUDGET")
      ->type_name("BUDGET")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("--name", wishes->name,
                      "What the program is called in lines and reports (default: its file's name)");
  command->add_option("--warm-up", wishes->warm_up,
                      "How a context is driven before the program gets it: auto, full, quick, none (default: auto)");
  command->add_option("--seal", wishes->seal,
                      "What a ready context that asks a card for more gets: refuse, count (default: refuse)");
  command->add_option("--report", wishes->report, "Keep a report there, as JSON");
  command->add_flag("--any-engine", wishes->any_engine,
                    fmt::format("Also guard engines other than ggml {}", guard::known_versions()));
  command->add_flag("-q,--quiet", wishes->quiet, "Say nothing but what is refused");
  command->callback([&status, wishes] {
    status = 0;
    guard::launch(guarded_command(), *wishes, library());
  });
}

}  // namespace plimsoll::app
