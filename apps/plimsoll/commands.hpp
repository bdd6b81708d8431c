// The subcommands: each file of this folder adds one to the program and says what it does when chosen.
#pragma once
#include <CLI/CLI.hpp>

#include <nlohmann/json_fwd.hpp>

#include "options.hpp"

namespace plimsoll::app {

// Adds a subcommand; its callback runs it and sets `status`.
using AddCommand = void (*)(CLI::App& app, GlobalOptions& global, int& status);

void add_devices(CLI::App& app, GlobalOptions& global, int& status);
void add_plan(CLI::App& app, GlobalOptions& global, int& status);
void add_generate(CLI::App& app, GlobalOptions& global, int& status);
void add_chat(CLI::App& app, GlobalOptions& global, int& status);
void add_calibrate(CLI::App& app, GlobalOptions& global, int& status);
void add_doctor(CLI::App& app, GlobalOptions& global, int& status);
void add_demo(CLI::App& app, GlobalOptions& global, int& status);
void add_bench(CLI::App& app, GlobalOptions& global, int& status);
void add_embed(CLI::App& app, GlobalOptions& global, int& status);
void add_rerank(CLI::App& app, GlobalOptions& global, int& status);
void add_tokenize(CLI::App& app, GlobalOptions& global, int& status);
void add_quantize(CLI::App& app, GlobalOptions& global, int& status);
void add_serve(CLI::App& app, GlobalOptions& global, int& status);
void add_top(CLI::App& app, GlobalOptions& global, int& status);
void add_guard(CLI::App& app, GlobalOptions& global, int& status);
void add_place(CLI::App& app, GlobalOptions& global, int& status);
void add_ps(CLI::App& app, GlobalOptions& global, int& status);
void add_quantize_worker(CLI::App& app, GlobalOptions& global, int& status);  // not for people
void add_model_worker(CLI::App& app, GlobalOptions& global, int& status);     // not for people
void add_dry_run_worker(CLI::App& app, GlobalOptions& global, int& status);   // not for people
void add_option_table(CLI::App& app, GlobalOptions& global, int& status);     // not for people

[[nodiscard]] nlohmann::ordered_json option_table();

}  // namespace plimsoll::app
