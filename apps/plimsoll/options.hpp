// The flags that several subcommands share, in llama.cpp's spelling where it has one, and what they are made into.
#pragma once
#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <vector>

#include <plimsoll/engine/sampler.hpp>
#include <plimsoll/plan/planner.hpp>
#include <plimsoll/run/speculative.hpp>

namespace plimsoll::app {

// Flags of the whole program.
struct GlobalOptions {
  int verbosity = 0;
  std::string log_file;
  bool json = false;
};
void add_json(CLI::App& command, GlobalOptions& options);

// Which models, how they are loaded and what their context is like. Values stay text where a wrong one deserves a
// sentence.
struct ModelOptions {
  std::vector<std::string> models;  // with their --name: see requests()
  std::vector<std::string> names;
  std::vector<std::string> projectors;
  bool no_projector_offload = false;
  std::int64_t image_min_tokens = 0;
  std::int64_t image_max_tokens = 0;
  std::string gpu_layers = "auto";
  std::string devices;
  std::string split_mode = "layer";
  std::string tensor_split;
  int main_gpu = 0;
  std::vector<std::string> override_tensors;
  bool cpu_moe = false;
  int n_cpu_moe = 0;
  std::string load_mode = "mmap";
  bool no_mmap = false;
  bool no_repack = false;
  bool check_tensors = false;
  std::vector<std::string> loras;
  std::vector<std::string> loras_scaled;  // FILE:SCALE
  std::vector<std::string> control_vectors;
  std::vector<std::string> control_vectors_scaled;
  std::vector<std::int32_t> control_vector_layers;  // first, last
  std::optional<std::int64_t> ctx_size;             // empty: the smaller of the model's own and 4096
  std::int64_t batch_size = 2048;
  std::int64_t ubatch_size = 512;
  std::int64_t parallel = 1;
  std::int64_t outputs = 0;
  std::string cache_type_k = "f16";
  std::string cache_type_v = "f16";
  std::string flash_attn = "auto";
  bool kv_unified = false;
  bool swa_full = false;
  bool no_kv_offload = false;
  int threads = 0;
  int threads_batch = 0;
  std::vector<std::string> budgets;
  std::vector<std::string> runtime;  // DEVICE=SIZE
  bool no_prefault = false;
  CLI::App* command = nullptr;
};
void add_model_options(CLI::App& command, ModelOptions& options);
void add_budget_option(CLI::App& command, ModelOptions& options);  // one of them, for who takes no others
void add_prefault_option(CLI::App& command, ModelOptions& options);
void add_runtime_option(CLI::App& command, ModelOptions& options);

// One request per --model, named by the --name after it, else by its file name; the demo models where none was given
// (`most` of them at most). Throws Error{usage} with a sentence for every value that means nothing.
[[nodiscard]] std::vector<plan::Request> requests(const ModelOptions& options, std::size_t most);
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
// Throws Error{usage} with a sentence for every value that means nothing.
[[nodiscard]] engine::SamplingParams sampling(const SamplingOptions& options);

// llama.cpp spells some flags with one dash and several letters (-ngl, -ctk); our parser wants two dashes for those.
[[nodiscard]] std::vector<std::string> with_long_names(int argc, char** argv);

// The models that come with the program. Throws Error{io} where they are not installed.
[[nodiscard]] std::vector<std::string> demo_models();

// The program that runs now, for starting it again as a dry run child.
[[nodiscard]] std::string program_path();

}  // namespace plimsoll::app
