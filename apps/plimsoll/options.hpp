// The flags that several subcommands share, in llama.cpp's spelling where it has one, and what they are made into.
#pragma once
#include <CLI/CLI.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/sampler.hpp"
#include "options/option.hpp"
#include "plan/planner.hpp"
#include "run/speculative.hpp"

namespace plimsoll::app {

[[noreturn]] void usage_error(const std::string& message);  // Error{usage}
// What was given as that flag; throws Error{usage} where it is not a whole number.
[[nodiscard]] std::int32_t number_given(const char* flag, const std::string& text);

// Flags of the whole program.
struct GlobalOptions {
  int verbosity = 0;
  std::string log_file;
  bool json = false;
};
void add_json(CLI::App& command, GlobalOptions& options);

// What was given of the table's options (options/option.hpp), by long flag, as it was written.
struct ModelOptions {
  std::map<std::string, std::vector<std::string>> given;
  CLI::App* command = nullptr;

  [[nodiscard]] std::vector<std::string> all(const std::string& flag) const;  // empty: not given
  [[nodiscard]] bool has(const std::string& flag) const { return !all(flag).empty(); }
};
// The option under its names, with its environment variable, its group and its help.
void add_option(CLI::App& command, ModelOptions& options, const options::Option& option);
void add_model_options(CLI::App& command, ModelOptions& options);  // of every group but the draft's
// What stands behind no flag: models' files. Anything else there is Error{usage}.
void add_model_files(CLI::App& command, ModelOptions& options);

// One request per --model, named by the --name after it, else by its file name; the demo models where none was given
// (`most` of them at most). Throws Error{usage} with a sentence for every value that means nothing.
[[nodiscard]] std::vector<plan::Request> requests(const ModelOptions& options, std::size_t most);
// The chat template that was chosen in the place of the files' own; empty: none. Throws Error{usage}.
[[nodiscard]] std::string chat_template(const ModelOptions& options);
[[nodiscard]] plan::PlannerOptions planner_options(const ModelOptions& options);
// Throws Error{usage} where a budget binds nothing that these models use.
void require_used_budgets(const std::vector<memory::BudgetRequest>& budgets,
                          const std::vector<plan::Request>& requests);

// A small model that proposes tokens, which the --model then checks.
struct DraftOptions {
  std::string model;
  std::string gpu_layers;  // empty: as the target's
  std::int64_t most = 8;
  double least_probability = 0.5;
};
void add_draft_options(CLI::App& command, DraftOptions& options);
[[nodiscard]] run::SpeculationParams speculation(const DraftOptions& options);
// The draft beside this target, which is given the rows of logits that checking needs; empty where none was named.
// Throws Error{usage} with a sentence for every value that means nothing.
[[nodiscard]] std::optional<plan::Request> draft_request(const DraftOptions& options, plan::Request& target);

struct SamplingOptions {
  engine::SamplingParams params;
  std::int64_t seed = -1;
  std::string grammar;
  std::string grammar_file;
  std::string json_schema;
  std::string json_schema_file;
  std::string samplers;                   // names with semicolons; empty: the default order
  std::vector<std::string> logit_biases;  // TOKEN+BIAS, TOKEN-BIAS
  std::vector<std::string> dry_sequence_breakers;
};
void add_sampling_options(CLI::App& command, SamplingOptions& options);
// What was given of them, by llama-server's names.
[[nodiscard]] std::set<std::string> given_sampling(const CLI::App& command);
// Throws Error{usage} with a sentence for every value that means nothing.
[[nodiscard]] engine::SamplingParams sampling(const SamplingOptions& options);

// llama.cpp spells some flags with one dash and several letters (-ngl, -ctk); our parser wants two dashes for those.
[[nodiscard]] std::vector<std::string> with_long_names(int argc, char** argv);
[[nodiscard]] std::vector<std::string> with_long_names(
    std::vector<std::string> arguments);  // the program's name left out

// The models that come with the program. Throws Error{io} where they are not installed.
[[nodiscard]] std::vector<std::string> demo_models();

// The program that runs now, for starting it again as a dry run child.
[[nodiscard]] std::string program_path();

}  // namespace plimsoll::app
