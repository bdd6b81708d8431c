// The flags that name and place models, and what every subcommand needs beside them.
#include "options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <plimsoll/base/error.hpp>

namespace plimsoll::app {

void add_json(CLI::App& command, GlobalOptions& options) {
  command.add_flag("--json", options.json, "One JSON object on stdout instead of text");
}

void add_budget_option(CLI::App& command, ModelOptions& o) {
  command.add_option("--budget", o.budgets, "[DEVICE=]SIZE|PERCENT: how far a device may be filled; may be repeated")
      ->envname("PLIMSOLL_BUDGET")
      ->take_all()
      ->allow_extra_args(false)
      ->group("Lines");
}

void add_runtime_option(CLI::App& command, ModelOptions& o) {
  command
      .add_option("--runtime", o.runtime,
                  "DEVICE=SIZE: what the backend takes for itself there, for an estimate; may be repeated")
      ->envname("PLIMSOLL_RUNTIME")
      ->take_all()
      ->allow_extra_args(false)
      ->group("Lines");
}

void add_prefault_option(CLI::App& command, ModelOptions& o) {
  command.add_flag("--no-prefault", o.no_prefault, "Host memory that is charged is not touched before it is used")
      ->envname("PLIMSOLL_NO_PREFAULT")
      ->group("Lines");
}

void add_model_options(CLI::App& command, ModelOptions& o) {
  o.command = &command;
  const auto model = [&](CLI::Option* option) { return option->group("Model"); };
  model(command.add_option("-m,--model", o.models, "GGUF file; may be repeated (none: the demo models)")
            ->envname("PLIMSOLL_MODEL")
            ->take_all()
            ->allow_extra_args(false));
  model(command.add_option("--name", o.names, "Name of the --model before it")->take_all()->allow_extra_args(false));
  model(
      command
          .add_option("--gpu-layers,--n-gpu-layers", o.gpu_layers, "-ngl: layers on accelerators: a number, all, auto")
          ->envname("PLIMSOLL_GPU_LAYERS"));
  model(command.add_option("--device", o.devices, "-dev: devices to use, by name, with commas; none: the CPU alone")
            ->envname("PLIMSOLL_DEVICE"));
  model(command.add_option("--split-mode", o.split_mode, "-sm: " + engine::split_modes())
            ->envname("PLIMSOLL_SPLIT_MODE"));
  model(command.add_option("--tensor-split", o.tensor_split, "-ts: share of each device, like 3,1")
            ->envname("PLIMSOLL_TENSOR_SPLIT"));
  model(command.add_option("--main-gpu", o.main_gpu, "-mg: the device used with --split-mode none")
            ->envname("PLIMSOLL_MAIN_GPU"));
  model(command.add_option("--override-tensor", o.override_tensors, "-ot: PATTERN=BUFFER, where matching tensors live")
            ->take_all()
            ->allow_extra_args(false));
  model(command.add_flag("--cpu-moe", o.cpu_moe, "All experts stay on the host")->envname("PLIMSOLL_CPU_MOE"));
  model(command.add_option("--n-cpu-moe", o.n_cpu_moe, "The experts of the first N layers stay on the host")
            ->envname("PLIMSOLL_N_CPU_MOE"));
  model(command.add_option("--load-mode", o.load_mode, "-lm: none, mmap, mlock, mmap+mlock or dio")
            ->envname("PLIMSOLL_LOAD_MODE"));
  model(command.add_flag("--no-mmap", o.no_mmap, "The same as --load-mode none"));
  model(command
            .add_flag("--no-repack", o.no_repack, "-nr: weights stay as they lie in the file, mapped where they can be")
            ->envname("PLIMSOLL_NO_REPACK"));
  model(command.add_flag("--check-tensors", o.check_tensors, "Validate tensor data while loading (slow)"));
  model(command.add_option("--lora", o.loras, "LoRA adapter; may be repeated")->take_all()->allow_extra_args(false));
  model(command.add_option("--mmproj", o.projectors, "-mm: projector of the --model before it: pictures and sounds")
            ->take_all()
            ->allow_extra_args(false));
  model(command.add_flag("--no-mmproj-offload", o.no_projector_offload, "The projector stays on the CPU")
            ->envname("PLIMSOLL_NO_MMPROJ_OFFLOAD"));
  model(
      command.add_option("--image-min-tokens", o.image_min_tokens, "Vectors of a picture at least; 0: the file's own")
          ->envname("PLIMSOLL_IMAGE_MIN_TOKENS"));
  model(command
            .add_option("--image-max-tokens", o.image_max_tokens,
                        "Vectors of a picture at most; 0: as many as the engine reserves memory for")
            ->envname("PLIMSOLL_IMAGE_MAX_TOKENS"));
  const auto repeated = [&](const char* flag, std::vector<std::string>& values, const char* meaning) {
    model(command.add_option(flag, values, meaning)->take_all()->allow_extra_args(false));
  };
  repeated("--lora-scaled", o.loras_scaled, "FILE:SCALE: LoRA adapter at a scale; may be repeated");
  repeated("--control-vector", o.control_vectors, "Control vector; may be repeated, they are summed");
  repeated("--control-vector-scaled", o.control_vectors_scaled,
           "FILE:SCALE: control vector at a scale; may be repeated");
  model(command
            .add_option("--control-vector-layer-range", o.control_vector_layers,
                        "START END: the first and the last layer that control vectors steer")
            ->expected(2));

  const auto context = [&](CLI::Option* option) { return option->group("Context"); };
  context(command
              .add_option("-c,--ctx-size", o.ctx_size,
                          "Tokens of context; 0: the model's own (default: the smaller of that and 4096)")
              ->envname("PLIMSOLL_CTX_SIZE"));
  context(command.add_option("-b,--batch-size", o.batch_size, "Tokens of one decode call")
              ->envname("PLIMSOLL_BATCH_SIZE")
              ->capture_default_str());
  context(command.add_option("--ubatch-size", o.ubatch_size, "-ub: tokens the device computes at once")
              ->envname("PLIMSOLL_UBATCH_SIZE")
              ->capture_default_str());
  context(command.add_option("--parallel", o.parallel, "-np: sequences")
              ->envname("PLIMSOLL_PARALLEL")
              ->capture_default_str());
  context(
      command
          .add_option("--outputs", o.outputs, "Rows of logits one batch may ask for (0: one for each sequence is held)")
          ->envname("PLIMSOLL_OUTPUTS")
          ->capture_default_str());
  context(command.add_option("--cache-type-k", o.cache_type_k, "-ctk: type of the K cache")
              ->envname("PLIMSOLL_CACHE_TYPE_K")
              ->capture_default_str());
  context(command.add_option("--cache-type-v", o.cache_type_v, "-ctv: type of the V cache")
              ->envname("PLIMSOLL_CACHE_TYPE_V")
              ->capture_default_str());
  context(command.add_option("--flash-attn", o.flash_attn, "-fa: on, off or auto")
              ->envname("PLIMSOLL_FLASH_ATTN")
              ->capture_default_str());
  context(command.add_flag("--kv-unified", o.kv_unified, "-kvu: one KV buffer for all sequences")
              ->envname("PLIMSOLL_KV_UNIFIED"));
  context(command.add_flag("--swa-full", o.swa_full, "Full-size cache for sliding-window layers")
              ->envname("PLIMSOLL_SWA_FULL"));
  context(command.add_flag("--no-kv-offload", o.no_kv_offload, "-nkvo: keep the KV cache on the host")
              ->envname("PLIMSOLL_NO_KV_OFFLOAD"));
  context(command.add_option("-t,--threads", o.threads, "CPU threads for generation")->envname("PLIMSOLL_THREADS"));
  context(command.add_option("--threads-batch", o.threads_batch, "-tb: CPU threads for prompts")
              ->envname("PLIMSOLL_THREADS_BATCH"));
  add_budget_option(command, o);
  add_runtime_option(command, o);
  add_prefault_option(command, o);
}

void add_draft_options(CLI::App& command, DraftOptions& o) {
  const auto draft = [&](CLI::Option* option) { return option->group("Draft"); };
  draft(command.add_option("--model-draft", o.model, "-md: GGUF file of a small model that proposes tokens")
            ->envname("PLIMSOLL_MODEL_DRAFT"));
  draft(command.add_option("--gpu-layers-draft", o.gpu_layers, "-ngld: its layers on accelerators")
            ->envname("PLIMSOLL_GPU_LAYERS_DRAFT"));
  draft(command.add_option("--draft-max", o.most, "Tokens proposed at a time at most")
            ->envname("PLIMSOLL_DRAFT_MAX")
            ->capture_default_str());
  draft(command.add_option("--draft-p-min", o.least_probability, "Proposals end at a token less probable than that")
            ->envname("PLIMSOLL_DRAFT_P_MIN")
            ->capture_default_str());
}

std::vector<std::string> with_long_names(int argc, char** argv) {
  static const std::map<std::string, std::string> kNames{
      {"-ngl", "--gpu-layers"},   {"-dev", "--device"},         {"-sm", "--split-mode"},
      {"-ts", "--tensor-split"},  {"-mg", "--main-gpu"},        {"-ot", "--override-tensor"},
      {"-lm", "--load-mode"},     {"-ub", "--ubatch-size"},     {"-np", "--parallel"},
      {"-ctk", "--cache-type-k"}, {"-ctv", "--cache-type-v"},   {"-fa", "--flash-attn"},
      {"-kvu", "--kv-unified"},   {"-nkvo", "--no-kv-offload"}, {"-tb", "--threads-batch"},
      {"-cmoe", "--cpu-moe"},     {"-ncmoe", "--n-cpu-moe"},    {"-jf", "--json-schema-file"},
      {"-mm", "--mmproj"},        {"-md", "--model-draft"},     {"-ngld", "--gpu-layers-draft"},
      {"-nr", "--no-repack"},
  };
  std::vector<std::string> arguments(argv + 1, argv + argc);
  for (std::string& argument : arguments) {
    if (const auto found = kNames.find(argument); found != kNames.end()) argument = found->second;
  }
  return arguments;
}

std::vector<std::string> demo_models() {
  std::vector<std::string> folders;
  if (const char* folder = std::getenv("PLIMSOLL_DEMO_MODELS")) folders.emplace_back(folder);
  const std::filesystem::path beside_program =
      std::filesystem::path(program_path()).parent_path() / PLIMSOLL_INSTALLED_MODELS;
  folders.insert(folders.end(), {PLIMSOLL_SOURCE_MODELS, beside_program.lexically_normal().string()});
  for (const std::string& folder : folders) {
    std::vector<std::string> models;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".gguf") models.push_back(entry.path());
    }
    std::ranges::sort(models);
    if (!models.empty()) return models;
  }
  throw Error(ErrorCode::io, "no model was named, and the demo models are not installed; name one with --model");
}

std::string program_path() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "plimsoll" : path.string();
}

}  // namespace plimsoll::app
