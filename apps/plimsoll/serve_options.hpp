// The flags of `plimsoll serve`.
#pragma once
#include <CLI/CLI.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "server/server_options.hpp"

#include "fleet_options.hpp"
#include "options.hpp"

namespace plimsoll::app {

struct ServeOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::set<std::string> sampling_given;
  std::vector<std::string> aliases;
  std::vector<std::string> tags;
  std::vector<std::string> template_values;  // JSON objects, the later ones over the earlier
  std::string reasoning;                     // on, off, auto; empty: as templates do where nobody says anything
  std::string reasoning_effort;              // empty: the template's own
  std::int64_t reasoning_budget = -1;        // tokens of a thought; 0: none, -1: no limit
  std::int64_t most_models = -1;             // loaded at once; 0: as many as fit, -1: what the fleet file says
  std::int64_t idle_s = -1;                  // a model goes once it was idle so long; -1: what the fleet file says
  std::vector<std::string> sources;          // a fleet file, model files, a folder
  server::ServerOptions server;
  std::vector<std::string> api_key_files;
  std::string body = "16MiB";
  std::string eviction;      // empty: what the fleet file says
  std::string keep_in_host;  // empty: what the fleet file says
  std::string yield_to_foreign;
  std::size_t queue = 1000;
  std::int64_t waiting_s = 0;
  std::int64_t working_s = 0;
  std::int64_t draining_s = 30;
  double ping_s = 5;
  bool isolate = false;
  double decode_s = 0;
  double slice_s = 2;
  std::string log_format = "text";
  bool no_dashboard = false;
  bool no_slots = false;
  bool no_autoload = false;
  FleetPurpose purpose;
  bool watch = false;  // what the fleet is read from
};

void add_serve_options(CLI::App& command, ServeOptions& options);

// Throws Error{usage} for every value that means nothing.
[[nodiscard]] server::ServerOptions server_options(const ServeOptions& options);

}  // namespace plimsoll::app
