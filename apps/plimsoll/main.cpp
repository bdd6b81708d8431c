// The program: joins the subcommands, and turns whatever happens into a sentence and an exit status.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/own_program.hpp"
#include "base/version.hpp"
#include "engine/backend.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "guarded_command.hpp"
#include "host_vulkan.hpp"
#include "interrupt.hpp"
#include "llama_server_flags.hpp"
#include "near_name.hpp"
#include "rpc_options.hpp"
#include "waiting.hpp"

namespace {

using namespace plimsoll;

std::string config_file() {
  if (const char* folder = std::getenv("XDG_CONFIG_HOME"); folder != nullptr && *folder != '\0')
    return std::string(folder) + "/plimsoll/config.toml";
  if (const char* home = std::getenv("HOME"); home != nullptr)
    return std::string(home) + "/.config/plimsoll/config.toml";
  return {};
}

// The parser's own words name neither the file nor what is wrong with the key.
std::string problem_of_config(const CLI::App& program, const CLI::ConfigError& error) {
  constexpr std::string_view kUnknown = "INI was not able to parse ";
  constexpr std::string_view kBegins = ".++";  // behind a section's name
  const auto file = program.get_config_ptr()->as<std::string>();
  std::string_view why = error.what();
  if (!why.starts_with(kUnknown)) return fmt::format("the configuration file '{}': {}", file, why);
  why.remove_prefix(kUnknown.size());
  const bool is_section = why.ends_with(kBegins);
  if (is_section) why.remove_suffix(kBegins.size());
  return fmt::format("the configuration file '{}' has an unknown {} '{}'", file, is_section ? "section" : "key", why);
}

void set_up_log(const app::GlobalOptions& global) {
  static constexpr log::Level kLevels[]{log::Level::warn, log::Level::info, log::Level::debug, log::Level::trace};
  log::set_level(kLevels[std::clamp(global.verbosity, 0, 3)]);
  if (!global.log_file.empty()) log::open_file(global.log_file);
}

std::string version_text() {
  const engine::EngineVersion engine = engine::engine_version();
  return fmt::format("plimsoll {} (llama.cpp {}, ggml {})", version(), engine.llama, engine.ggml);
}

// "plimsoll help plan" is "plimsoll plan --help", "plimsoll version" is "plimsoll --version".
std::vector<std::string> with_flags_for_words(std::vector<std::string> arguments) {
  if (arguments.empty()) return arguments;
  if (arguments.front() == "version") arguments.front() = "--version";
  if (arguments.front() != "help") return arguments;
  arguments.erase(arguments.begin());
  arguments.emplace_back("--help");
  return arguments;
}

// Where the word in the subcommand's place is not the name of one: a sentence with the one that may have been meant.
std::string unknown_subcommand(const CLI::App& program, const std::vector<std::string>& arguments) {
  if (!program.get_subcommands().empty()) return {};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].starts_with('-') ||
        (i > 0 && (arguments[i - 1] == "--log-file" || arguments[i - 1] == "--config")))
      continue;
    std::vector<std::string> names;
    for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
      if (!command->get_group().empty()) names.push_back(command->get_name());
    }
    std::string near = app::same_elsewhere(arguments[i]);
    if (near.empty()) near = app::near_name(arguments[i], names);
    return fmt::format(
        "there is no subcommand '{}'; {}", arguments[i],
        near.empty() ? fmt::format("there are {}", fmt::join(names, ", ")) : fmt::format("did you mean '{}'?", near));
  }
  return {};
}

int run_command(int argc, char** argv) {
  app::GlobalOptions global;
  int status = app::done;
  CLI::App program{"GGUF models with every byte of GPU memory planned before it is taken", "plimsoll"};
  program.set_version_flag("--version", version_text);
  program.add_flag("-v,--verbose", global.verbosity, "Say more; -vv and -vvv even more")->envname("PLIMSOLL_VERBOSE");
  program.add_option("--log-file", global.log_file, "Also write the log there")->envname("PLIMSOLL_LOG_FILE");
  program.set_config("--config", config_file(), "Configuration file (TOML)");
  program.allow_config_extras(CLI::config_extras_mode::error);  // a misspelt key is said, not ignored
  program.require_subcommand(1);
  program.fallthrough();
  program.option_defaults()
      ->take_last();  // a flag given again replaces the one before, as in llama.cpp; lists say otherwise
  for (const app::AddCommand add : {app::add_devices,        app::add_plan,         app::add_generate,
                                    app::add_chat,           app::add_calibrate,    app::add_doctor,
                                    app::add_demo,           app::add_bench,        app::add_embed,
                                    app::add_rerank,         app::add_tokenize,     app::add_quantize,
                                    app::add_serve,          app::add_top,          app::add_ps,
                                    app::add_guard,          app::add_place,        app::add_quantize_worker,
                                    app::add_dry_run_worker, app::add_model_worker, app::add_option_table}) {
    add(program, global, status);
  }
  program.parse_complete_callback([&global, &program] {
    set_up_log(global);
    for (const CLI::App* command : program.get_subcommands()) {
      if (const auto of_other_process = app::take_rpc_servers(*command)) std::exit(*of_other_process);
    }
  });

  auto arguments = with_flags_for_words(app::with_long_names(argc, argv));
  try {
    std::vector<std::string> notes;
    arguments = app::without_llama_server_flags(std::move(arguments), program, notes);
    for (const std::string& note : notes) fmt::print(stderr, "plimsoll: warning: {}\n", note);
    auto from_the_back = arguments;  // as the parser takes them
    std::ranges::reverse(from_the_back);
    program.parse(from_the_back);
    return status;
  } catch (const CLI::ConfigError& error) {
    return app::report(Error(ErrorCode::usage, problem_of_config(program, error)),
                       std::ranges::contains(arguments, "--json"));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return program.exit(error);  // --help, --version
    const bool json = std::ranges::contains(arguments, "--json");
    if (const std::string unknown = unknown_subcommand(program, arguments); !unknown.empty())
      return app::report(Error(ErrorCode::usage, unknown + " (plimsoll --help)"), json);
    return app::report(Error(ErrorCode::usage, std::string(error.what()) + " (plimsoll --help)"), json);
  } catch (const std::exception& error) {
    const auto chosen = program.get_subcommands();
    return app::report(app::error_of(error, chosen.empty() ? "plimsoll" : chosen.front()->get_name()), global.json);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  app::take_guarded_command(argc, argv);
  if (!app::is_guard(argc, argv)) {  // a guarded program is as it would be alone
    app::name_host_drivers();
    if (app::may_compute(argc, argv)) app::bound_waiting(argv);
    if (started_by_loader()) prctl(PR_SET_NAME, "plimsoll");  // else tools call it by the loader's name
    app::handle_interrupts();
  }
  const int status = run_command(argc, argv);
  // A pipe that was closed, or a full disk, shows only when the text is really written.
  if (std::fflush(stdout) != 0 && status == app::done) {
    std::perror("plimsoll: the output could not be written");
    return app::failed;
  }
  return status;
} catch (const std::exception& error) {  // before the command line was read, or while an error was told
  std::fprintf(stderr, "plimsoll: %s\n", app::error_of(error, "main").what());
  return app::failed;
}
