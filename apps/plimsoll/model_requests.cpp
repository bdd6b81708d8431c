// What the model options mean: requests to plan, load and serve.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <sstream>

#include <plimsoll/base/error.hpp>
#include "base/parse_number.hpp"
#include "base/text_file.hpp"
#include "base/utf8.hpp"
#include "engine/chat_template.hpp"
#include "host/fleet.hpp"
#include "options/table.hpp"
#include "plan/budget_requests.hpp"
#include "remote/address.hpp"

#include "options.hpp"

namespace plimsoll::app {
namespace {

// The table's parameters with what was given of them.
template <class Params>
Params params_of(const ModelOptions& options) {
  Params params;
  for (const auto& row : options::rows<Params>()) {
    const std::string& flag = row->long_flag();
    for (const std::string& text : options.all(flag)) {
      if (row->kind == options::Kind::flag) {
        row->read(params, flag, flag.starts_with("--no-") ? "false" : "true");
      } else if (row->kind == options::Kind::list && !row->has_commas) {  // llama.cpp's lists have commas, too
        std::istringstream list(text);
        for (std::string part; std::getline(list, part, ',');) row->read(params, flag, part);
      } else {
        row->read(params, flag, text);
      }
    }
  }
  return params;
}

engine::ModelParams model_params(const ModelOptions& options) {
  auto params = params_of<engine::ModelParams>(options);
  if (options.has("--no-mmap")) params.load_mode = engine::LoadMode::none;
  return params;
}

engine::ContextParams context_params(const ModelOptions& options) {
  auto params = params_of<engine::ContextParams>(options);
  if (!options.has("--ubatch-size")) params.n_ubatch = std::min(params.n_ubatch, params.n_batch);
  engine::validate(params);
  return params;
}

engine::ProjectorParams projector_params(const ModelOptions& options, const engine::ContextParams& context,
                                         const std::string& path) {
  auto params = params_of<engine::ProjectorParams>(options);
  params.path = path;
  params.n_threads = context.n_threads_batch > 0 ? context.n_threads_batch : context.n_threads;
  params.flash_attn = context.flash_attn;
  engine::validate(params);
  return params;
}

// FILE:SCALE, llama.cpp's way; the last colon counts, as a path may hold one.
engine::AdapterParams scaled(const char* flag, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  engine::AdapterParams file{.path = text.substr(0, colon)};
  const auto scale = parse_number<float>(colon == std::string::npos ? "" : text.substr(colon + 1));
  if (!scale || file.path.empty()) usage_error(fmt::format("{} '{}' is not of the form FILE:SCALE", flag, text));
  file.scale = *scale;
  return file;
}

// In the order in which they were given: their places are the numbers by which requests name adapters.
std::vector<engine::AdapterParams> scaled_files(const ModelOptions& options, const std::string& flag) {
  const std::string scaled_flag = flag + "-scaled";
  const std::vector<std::string> paths = options.all(flag);
  const std::vector<std::string> texts = options.all(scaled_flag);
  std::vector<engine::AdapterParams> files;
  std::size_t next_path = 0;
  std::size_t next_text = 0;
  const auto add_path = [&] { files.push_back({.path = paths[next_path++], .scale = 1.0F}); };
  const auto add_text = [&] { files.push_back(scaled(scaled_flag.c_str(), texts[next_text++])); };
  if (options.command != nullptr) {
    for (const CLI::Option* option : options.command->parse_order()) {
      if (option->check_lname(flag.substr(2)) && next_path < paths.size()) add_path();
      if (option->check_lname(scaled_flag.substr(2)) && next_text < texts.size()) add_text();
    }
  }
  while (next_path < paths.size()) add_path();
  while (next_text < texts.size()) add_text();
  return files;
}

engine::ControlVectorParams control_vector(const ModelOptions& options) {
  constexpr const char* kLayers = "--control-vector-layer-range";
  engine::ControlVectorParams params{.files = scaled_files(options, "--control-vector")};
  const std::vector<std::string> layers = options.all(kLayers);
  if (layers.empty()) return params;
  if (params.files.empty()) usage_error("--control-vector-layer-range was given, but no --control-vector");
  params.first_layer = number_given(kLayers, layers.front());
  params.last_layer = number_given(kLayers, layers.back());
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
  const std::vector<std::string> paths = options.all("--model");
  const std::vector<std::string> names = options.all("--name");
  const std::vector<std::string> projectors = options.all("--mmproj");
  std::vector<NamedModel> models;
  std::size_t next_model = 0;
  std::size_t next_name = 0;
  std::size_t next_projector = 0;
  if (options.command != nullptr) {
    for (const CLI::Option* option : options.command->parse_order()) {
      if (option->check_lname("model") && next_model < paths.size()) models.push_back({.path = paths[next_model++]});
      if (option->check_lname("name") && next_name < names.size()) {
        if (models.empty()) usage_error("--name names the --model before it, and there is none before it");
        models.back().name = names[next_name++];
      }
      if (option->check_lname("mmproj") && next_projector < projectors.size()) {
        if (models.empty()) usage_error("--mmproj belongs to the --model before it, and there is none before it");
        if (!models.back().projector.empty()) usage_error("a model has one --mmproj");
        models.back().projector = projectors[next_projector++];
      }
    }
  }
  while (next_model < paths.size()) models.push_back({.path = paths[next_model++]});
  return models;
}

}  // namespace

std::string chat_template(const ModelOptions& options) {
  const std::vector<std::string> texts = options.all("--chat-template");
  const std::vector<std::string> files = options.all("--chat-template-file");
  if (texts.empty() && files.empty()) return {};
  if (!texts.empty() && !files.empty()) usage_error("--chat-template and --chat-template-file do not go together");
  const std::string chosen = files.empty() ? texts.back() : read_text_file(files.back());
  try {
    engine::ChatTemplate::check(chosen);
  } catch (const Error& error) {
    usage_error(fmt::format("{}: {}", files.empty() ? "--chat-template" : files.back(), error.what()));
  }
  return chosen;
}

std::vector<plan::Request> requests(const ModelOptions& options, std::size_t most) {
  auto models = named_models(options);
  if (models.empty()) {
    for (const std::string& path : demo_models()) models.push_back({.path = path});
    if (models.size() > most) models.resize(most);
  }
  if (models.size() > most) usage_error(fmt::format("this subcommand takes one model, {} were given", models.size()));
  dry_run::DryRunRequest common{.model = model_params(options),
                                .context = context_params(options),
                                .adapters = scaled_files(options, "--lora"),
                                .control_vector = control_vector(options)};
  std::vector<plan::Request> requests;
  for (const auto& [path, name, projector] : models) {
    if (remote::is_remote(path))
      usage_error(
          fmt::format("models are not downloaded: fetch '{}' yourself and name the file (`plimsoll plan {}` tells "
                      "what it would take)",
                      path, path));
    plan::Request request{.name = name.empty() ? name_of_file(path) : as_utf8(name), .dry_run = common};
    request.dry_run.model.path = path;
    if (!projector.empty()) request.dry_run.projector = projector_params(options, common.context, projector);
    const auto same_name = [&](const plan::Request& other) { return other.name == request.name; };
    for (int i = 2; std::ranges::any_of(requests, same_name); ++i)
      request.name = fmt::format("{}-{}", name_of_file(path), i);
    requests.push_back(std::move(request));
  }
  if (requests.size() > 1) {
    for (plan::Request& request : requests)
      request.compute_group = host::kDefaultGroup;  // planned as models that take turns
  }
  return requests;
}

run::SpeculationParams speculation(const DraftOptions& options) {
  if (options.most < 1 || options.most > std::numeric_limits<std::int32_t>::max())
    usage_error(
        fmt::format("--draft-max is {}, and must be 1 to {}", options.most, std::numeric_limits<std::int32_t>::max()));
  return {.most = static_cast<std::uint32_t>(options.most),
          .least_probability = static_cast<float>(options.least_probability)};
}

std::optional<plan::Request> draft_request(const DraftOptions& options, plan::Request& target) {
  if (options.model.empty()) return std::nullopt;
  plan::Request draft = run::plan_with_draft(target, options.model, speculation(options));
  if (const std::string name = name_of_file(options.model); name != target.name) draft.name = name;
  if (!options.gpu_layers.empty())
    options::row_of<engine::ModelParams>("gpu_layers")
        .read(draft.dry_run.model, "--gpu-layers-draft", options.gpu_layers);
  return draft;
}

plan::PlannerOptions planner_options(const ModelOptions& options) {
  plan::PlannerOptions planner;
  for (const std::string& text : options.all("--budget")) {
    auto budget = memory::parse_budget(text);
    if (!budget) usage_error(budget.error());
    planner.budgets.push_back(*budget);
  }
  if (const auto wrong = plan::contradiction(planner.budgets)) usage_error(*wrong);
  for (const std::string& text : options.all("--runtime")) {
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
