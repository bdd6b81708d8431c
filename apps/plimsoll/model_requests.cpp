// What the model options mean: requests to plan, load and serve.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>

#include <plimsoll/base/error.hpp>
#include <plimsoll/host/fleet.hpp>
#include <plimsoll/plan/budget_requests.hpp>

#include "options.hpp"

namespace plimsoll::app {
namespace {

[[noreturn]] void usage_error(const std::string& message) { throw Error(ErrorCode::usage, message); }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

template <class T>
T must(std::optional<T> value, const char* flag, const std::string& text, const char* choices) {
  if (!value) usage_error(fmt::format("{} does not know '{}'; it takes {}", flag, text, choices));
  return *value;
}

std::uint32_t count(std::int64_t value, const char* flag, std::int64_t least) {
  if (value < least || value > std::int64_t{1} << 30) {
    usage_error(
        fmt::format("{} cannot be {}; it takes numbers from {} to {}", flag, value, least, std::int64_t{1} << 30));
  }
  return static_cast<std::uint32_t>(value);
}

std::int32_t gpu_layers(const std::string& text) {
  if (text == "auto" || text == "all") return engine::kAllLayers;
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < -2) {
    usage_error(fmt::format("--gpu-layers does not know '{}'; it takes a number, 'all' or 'auto'", text));
  }
  return number < 0 ? engine::kAllLayers : number;
}

engine::ModelParams model_params(const ModelOptions& options) {
  engine::ModelParams params;
  params.gpu_layers = gpu_layers(options.gpu_layers);
  params.devices = split(options.devices, ',');
  params.split_mode = must(engine::split_mode_from_string(options.split_mode), "--split-mode", options.split_mode,
                           engine::split_modes().c_str());
  for (const std::string& share : split(options.tensor_split, ',')) {
    float value = 0;
    const auto [end, error] = std::from_chars(share.data(), share.data() + share.size(), value);
    if (error != std::errc{} || end != share.data() + share.size())
      usage_error(fmt::format("--tensor-split does not know '{}'; it takes numbers like 3,1", share));
    params.tensor_split.push_back(value);
  }
  params.main_gpu = options.main_gpu;
  for (const std::string& list : options.override_tensors) {
    for (const std::string& override : split(list, ',')) {
      const std::size_t equals = override.rfind('=');
      if (equals == std::string::npos)
        usage_error(fmt::format("--override-tensor '{}' is not of the form PATTERN=BUFFER", override));
      params.tensor_overrides.push_back(
          {.pattern = override.substr(0, equals), .buffer_type = override.substr(equals + 1)});
    }
  }
  params.cpu_moe = options.cpu_moe;
  params.n_cpu_moe = options.n_cpu_moe;
  const std::string load_mode = options.no_mmap ? "none" : options.load_mode;
  params.load_mode =
      must(engine::load_mode_from_string(load_mode), "--load-mode", load_mode, "none, mmap, mlock, mmap+mlock or dio");
  params.use_extra_bufts = !options.no_repack;
  params.check_tensors = options.check_tensors;
  return params;
}

engine::ContextParams context_params(const ModelOptions& options) {
  constexpr const char* kTypes = "f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1 or iq4_nl";
  engine::ContextParams params;
  if (options.ctx_size) params.n_ctx = count(*options.ctx_size, "--ctx-size", 0);
  params.n_batch = count(options.batch_size, "--batch-size", 1);
  params.n_ubatch = count(options.ubatch_size, "--ubatch-size", 1);
  const bool ubatch_given = options.command != nullptr && options.command->count("--ubatch-size") > 0;
  if (!ubatch_given) params.n_ubatch = std::min(params.n_ubatch, params.n_batch);
  params.n_seq_max = count(options.parallel, "--parallel", 1);
  params.n_outputs_max = count(options.outputs, "--outputs", 0);
  params.n_threads = options.threads;
  params.n_threads_batch = options.threads_batch;
  params.type_k =
      must(engine::cache_type_from_string(options.cache_type_k), "--cache-type-k", options.cache_type_k, kTypes);
  params.type_v =
      must(engine::cache_type_from_string(options.cache_type_v), "--cache-type-v", options.cache_type_v, kTypes);
  params.flash_attn =
      must(engine::flash_attn_from_string(options.flash_attn), "--flash-attn", options.flash_attn, "on, off or auto");
  params.kv_unified = options.kv_unified;
  params.swa_full = options.swa_full;
  params.offload_kqv = !options.no_kv_offload;
  engine::validate(params);
  return params;
}

engine::ProjectorParams projector_params(const ModelOptions& options, const std::string& path) {
  engine::ProjectorParams params{.path = path};
  params.offload = !options.no_projector_offload;
  params.image_min_tokens = static_cast<std::int32_t>(count(options.image_min_tokens, "--image-min-tokens", 0));
  params.image_max_tokens = static_cast<std::int32_t>(count(options.image_max_tokens, "--image-max-tokens", 0));
  params.n_threads = options.threads_batch > 0 ? options.threads_batch : options.threads;
  params.flash_attn = context_params(options).flash_attn;
  engine::validate(params);
  return params;
}

// FILE:SCALE, llama.cpp's way; the last colon counts, as a path may hold one.
engine::AdapterParams scaled(const char* flag, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  engine::AdapterParams file{.path = text.substr(0, colon)};
  const std::string scale = colon == std::string::npos ? "" : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(scale.data(), scale.data() + scale.size(), file.scale);
  if (error != std::errc{} || end != scale.data() + scale.size() || file.path.empty())
    usage_error(fmt::format("{} '{}' is not of the form FILE:SCALE", flag, text));
  return file;
}

std::vector<engine::AdapterParams> scaled_files(const std::vector<std::string>& plain, const char* flag,
                                                const std::vector<std::string>& with_scale) {
  std::vector<engine::AdapterParams> files;
  for (const std::string& path : plain) files.push_back({.path = path, .scale = 1.0F});
  for (const std::string& text : with_scale) files.push_back(scaled(flag, text));
  return files;
}

engine::ControlVectorParams control_vector(const ModelOptions& options) {
  engine::ControlVectorParams params{
      .files = scaled_files(options.control_vectors, "--control-vector-scaled", options.control_vectors_scaled)};
  if (options.control_vector_layers.empty()) return params;
  if (params.files.empty()) usage_error("--control-vector-layer-range was given, but no --control-vector");
  params.first_layer = options.control_vector_layers.front();
  params.last_layer = options.control_vector_layers.back();
  if (params.first_layer < 1 || params.last_layer < params.first_layer)
    usage_error("--control-vector-layer-range takes the first and the last layer, from 1 on");
  return params;
}

struct NamedModel {
  std::string path;
  std::string name{};
  std::string projector{};
};

// Each --model with the --name and the --mmproj that follow it, if they do before the next --model.
std::vector<NamedModel> named_models(const ModelOptions& options) {
  std::vector<NamedModel> models;
  std::size_t next_model = 0;
  std::size_t next_name = 0;
  std::size_t next_projector = 0;
  if (options.command != nullptr) {
    for (const CLI::Option* option : options.command->parse_order()) {
      if (option->check_lname("model") && next_model < options.models.size())
        models.push_back({.path = options.models[next_model++]});
      if (option->check_lname("name") && next_name < options.names.size()) {
        if (models.empty()) usage_error("--name names the --model before it, and there is none before it");
        models.back().name = options.names[next_name++];
      }
      if (option->check_lname("mmproj") && next_projector < options.projectors.size()) {
        if (models.empty()) usage_error("--mmproj belongs to the --model before it, and there is none before it");
        if (!models.back().projector.empty()) usage_error("a model has one --mmproj");
        models.back().projector = options.projectors[next_projector++];
      }
    }
  }
  while (next_model < options.models.size()) models.push_back({.path = options.models[next_model++]});
  return models;
}

}  // namespace

std::vector<plan::Request> requests(const ModelOptions& options, std::size_t most) {
  auto models = named_models(options);
  if (models.empty()) {
    for (const std::string& path : demo_models()) models.push_back({.path = path});
    if (models.size() > most) models.resize(most);
  }
  if (models.size() > most) usage_error(fmt::format("this subcommand takes one model, {} were given", models.size()));
  dry_run::DryRunRequest common{.model = model_params(options),
                                .context = context_params(options),
                                .adapters = scaled_files(options.loras, "--lora-scaled", options.loras_scaled),
                                .control_vector = control_vector(options)};
  std::vector<plan::Request> requests;
  for (const auto& [path, name, projector] : models) {
    plan::Request request{.name = name.empty() ? std::filesystem::path(path).stem().string() : name, .dry_run = common};
    request.dry_run.model.path = path;
    if (!projector.empty()) request.dry_run.projector = projector_params(options, projector);
    const auto same_name = [&](const plan::Request& other) { return other.name == request.name; };
    for (int i = 2; std::ranges::any_of(requests, same_name); ++i)
      request.name = fmt::format("{}-{}", std::filesystem::path(path).stem().string(), i);
    requests.push_back(std::move(request));
  }
  if (requests.size() > 1) {
    for (plan::Request& request : requests)
      request.compute_group = host::kDefaultGroup;  // planned as models that take turns
  }
  return requests;
}

run::SpeculationParams speculation(const DraftOptions& options) {
  return {.most = count(options.most, "--draft-max", 1),
          .least_probability = static_cast<float>(options.least_probability)};
}

std::optional<plan::Request> draft_request(const DraftOptions& options, plan::Request& target) {
  if (options.model.empty()) return std::nullopt;
  plan::Request draft = run::plan_with_draft(target, options.model, speculation(options));
  if (const std::string name = std::filesystem::path(options.model).stem().string(); name != target.name)
    draft.name = name;
  if (!options.gpu_layers.empty()) draft.dry_run.model.gpu_layers = gpu_layers(options.gpu_layers);
  return draft;
}

plan::PlannerOptions planner_options(const ModelOptions& options) {
  plan::PlannerOptions planner;
  for (const std::string& text : options.budgets) {
    auto budget = memory::parse_budget(text);
    if (!budget) usage_error(budget.error());
    planner.budgets.push_back(*budget);
  }
  if (const auto wrong = plan::contradiction(planner.budgets)) usage_error(*wrong);
  for (const std::string& text : options.runtime) {
    auto runtime = plan::parse_runtime(text);
    if (!runtime) usage_error(runtime.error());
    planner.runtime.push_back(*runtime);
  }
  if (const auto wrong = plan::contradiction(planner.runtime)) usage_error(*wrong);
  return planner;
}

void require_used_budgets(const std::vector<memory::BudgetRequest>& budgets,
                          const std::vector<plan::Request>& requests) {
  if (const auto wrong = plan::budget_without_use(budgets, requests)) usage_error(*wrong);
}

}  // namespace plimsoll::app
