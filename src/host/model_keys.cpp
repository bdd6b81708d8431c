#include "model_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>

#include <plimsoll/base/error.hpp>
#include <plimsoll/host/fleet_file.hpp>
#include <plimsoll/run/embedder.hpp>
#include <plimsoll/run/reranker.hpp>

namespace plimsoll::host {
namespace {

using std::chrono::milliseconds;

std::optional<milliseconds> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kUnits{
      {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto found = std::ranges::find(kUnits, unit, [](const auto& pair) { return pair.first; });
  if (error != std::errc{} || number <= 0 || found == kUnits.end()) return std::nullopt;
  if (number > std::numeric_limits<std::int64_t>::max() / found->second) return std::nullopt;
  return milliseconds(number * found->second);
}

[[noreturn]] void wrong(const std::string& sentence) { throw Error(ErrorCode::usage, sentence); }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find(separator, from), text.size());
    parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

void set_gpu_layers(engine::ModelParams& params, const std::string& value) {
  if (value == "auto" || value == "all") {
    params.gpu_layers = engine::kAllLayers;
    return;
  }
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), params.gpu_layers);
  if (error != std::errc{} || end != value.data() + value.size() || params.gpu_layers < 0)
    wrong(fmt::format("'gpu-layers' does not know '{}'; it takes a number, all or auto", value));
}

void add_override(engine::ModelParams& params, const std::string& value) {
  const std::size_t equals = value.rfind('=');
  if (equals == std::string::npos)
    wrong(fmt::format("'override-tensor' '{}' is not of the form PATTERN=BUFFER", value));
  params.tensor_overrides.push_back({.pattern = value.substr(0, equals), .buffer_type = value.substr(equals + 1)});
}

engine::AdapterParams scaled_file(const std::filesystem::path& folder, const std::string& value) {
  engine::AdapterParams file{.path = value};
  const std::size_t colon = value.rfind(':');
  if (colon != std::string::npos) {
    float scale = 0;
    const char* const last = value.data() + value.size();
    const auto [end, error] = std::from_chars(value.data() + colon + 1, last, scale);
    if (error == std::errc{} && end == last) file = {.path = value.substr(0, colon), .scale = scale};
  }
  file.path = from_folder(folder, file.path);
  return file;
}

// "3,1"
void set_tensor_split(engine::ModelParams& params, const std::string& value) {
  params.tensor_split.clear();
  for (const std::string& share : split(value, ',')) {
    float& number = params.tensor_split.emplace_back();
    const auto [end, error] = std::from_chars(share.data(), share.data() + share.size(), number);
    if (error != std::errc{} || end != share.data() + share.size() || !(number >= 0))
      wrong(fmt::format("'tensor-split' does not know '{}'; it takes shares like 3,1", value));
  }
}

// The keys that say where a model's parts are computed and kept.
void add_placement_keys(TableReader& reader, engine::ModelParams& params) {
  reader.text_or_number("gpu-layers", [&](const std::string& value) { set_gpu_layers(params, value); });
  reader.text("device", [&](const std::string& value) { params.devices = split(value, ','); });
  reader.choice("split-mode", params.split_mode, engine::split_mode_from_string, engine::split_modes().c_str());
  reader.text("tensor-split", [&](const std::string& value) { set_tensor_split(params, value); });
  reader.number("main-gpu", params.main_gpu, 0);
  reader.texts("override-tensor", [&](const std::string& value) { add_override(params, value); });
  reader.flag("cpu-moe", params.cpu_moe);
  reader.number("n-cpu-moe", params.n_cpu_moe, 0);
  reader.choice("load-mode", params.load_mode, engine::load_mode_from_string, "none, mmap, mlock, mmap+mlock or dio");
  reader.flag("repack", params.use_extra_bufts);
}

// The keys that say which model: its name and its files.
void add_file_keys(TableReader& reader, FleetModel& model, const std::filesystem::path& folder) {
  plan::Request& request = model.request;
  engine::ModelParams& params = request.dry_run.model;
  reader.text("name", [&](const std::string& value) { request.name = value; });
  reader.text("path", [&params, folder](const std::string& value) { params.path = from_folder(folder, value); });
  reader.flag("check-tensors", params.check_tensors);
  reader.text("mmproj", [&request, folder](const std::string& value) {
    request.dry_run.projector.path = from_folder(folder, value);
  });
  reader.texts("lora", [&request, folder](const std::string& value) {
    request.dry_run.adapters.push_back(scaled_file(folder, value));
  });
  reader.texts("control-vector", [&request, folder](const std::string& value) {
    request.dry_run.control_vector.files.push_back(scaled_file(folder, value));
  });
}

void add_context_keys(TableReader& reader, engine::ContextParams& params, std::int64_t& ctx_size) {
  constexpr const char* kTypes = "f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1 or iq4_nl";
  reader.number("ctx-size", ctx_size, 0);
  reader.number("batch-size", params.n_batch, 1);
  reader.number("ubatch-size", params.n_ubatch, 1);
  reader.number("parallel", params.n_seq_max, 1);
  reader.number("outputs", params.n_outputs_max, 0);
  reader.number("threads", params.n_threads, 0);
  reader.number("threads-batch", params.n_threads_batch, 0);
  reader.choice("cache-type-k", params.type_k, engine::cache_type_from_string, kTypes);
  reader.choice("cache-type-v", params.type_v, engine::cache_type_from_string, kTypes);
  reader.choice("flash-attn", params.flash_attn, engine::flash_attn_from_string, "on, off or auto");
  reader.choice("pooling", params.pooling, engine::pooling_from_string, "none, mean, cls, last or rank");
  reader.flag("embeddings", params.embeddings);
  reader.flag("kv-unified", params.kv_unified);
  reader.flag("swa-full", params.swa_full);
  reader.flag("kv-offload", params.offload_kqv);
}

void add_host_keys(TableReader& reader, FleetModel& model) {
  reader.text("compute-group", [&](const std::string& value) { model.request.compute_group = value; });
  reader.flag("pinned", model.pinned);
  reader.number("priority", model.priority, -20, 20);
  reader.flag("load-at-start", model.load_at_start);
  reader.text("time-to-live", [&](const std::string& value) {
    model.time_to_live = parse_duration(value);
    if (!model.time_to_live)
      wrong(fmt::format("'time-to-live' does not know '{}'; it takes a number and ms, s, min, h or d", value));
  });
  reader.choice("warm-up", model.warm_up, run::warm_up_depth_from_string, "auto, full, quick or none");
}

// The keys of a model that proposes tokens to this one.
struct DraftKeys {
  std::string path;
  std::string gpu_layers;  // empty: as the model's
  run::SpeculationParams speculation;
};

void add_draft_keys(TableReader& reader, DraftKeys& keys, const std::filesystem::path& folder) {
  reader.text("model-draft", [&keys, folder](const std::string& value) { keys.path = from_folder(folder, value); });
  reader.text_or_number("gpu-layers-draft", [&](const std::string& value) { keys.gpu_layers = value; });
  reader.number("draft-max", keys.speculation.most, 1);
  reader.real("draft-p-min", keys.speculation.least_probability);
}

// Once the model's own context is settled.
void settle_draft(FleetModel& model, const DraftKeys& keys) {
  if (keys.path.empty()) return;
  model.draft = {.request = run::plan_with_draft(model.request, keys.path, keys.speculation),
                 .speculation = keys.speculation};
  if (!keys.gpu_layers.empty()) set_gpu_layers(model.draft->request.dry_run.model, keys.gpu_layers);
}

// What follows from the context's keys: defaults that depend on others, and the shape that embeddings want.
void settle_context(dry_run::DryRunRequest& dry_run, const toml::table& table, std::int64_t ctx_size) {
  engine::ContextParams& context = dry_run.context;
  if (ctx_size >= 0) context.n_ctx = static_cast<std::uint32_t>(ctx_size);
  if (!table.contains("ubatch-size")) context.n_ubatch = std::min(context.n_ubatch, context.n_batch);
  if (context.embeddings && context.pooling == LLAMA_POOLING_TYPE_RANK) {
    run::plan_for_ranking(dry_run);
  } else if (context.embeddings) {
    run::plan_for_embeddings(dry_run, context.pooling);
  }
}

}  // namespace

std::string from_folder(const std::filesystem::path& folder, const std::string& path) {
  return (folder / path).lexically_normal().string();  // an absolute path replaces the folder
}

FleetModel read_model(const toml::table& table, const std::filesystem::path& folder, Complaints& complaints) {
  FleetModel model;
  model.request.compute_group = kDefaultGroup;
  std::int64_t ctx_size = -1;  // not given
  engine::ContextParams& context = model.request.dry_run.context;
  TableReader reader(complaints, "a model");
  add_file_keys(reader, model, folder);
  add_placement_keys(reader, model.request.dry_run.model);
  add_context_keys(reader, context, ctx_size);
  add_host_keys(reader, model);
  DraftKeys draft;
  add_draft_keys(reader, draft, folder);
  reader.read(table);

  settle_context(model.request.dry_run, table, ctx_size);
  const std::string& path = model.request.dry_run.model.path;
  if (!table.contains("path")) complaints.at(table.source(), "a model has no 'path'");
  if (model.request.name.empty()) model.request.name = std::filesystem::path(path).stem().string();
  try {
    engine::validate(context);
    settle_draft(model, draft);
  } catch (const Error& error) {
    complaints.at(table.source(), fmt::format("'{}': {}", model.request.name, error.what()));
  }
  return model;
}

FleetModel with_keys(FleetModel model, std::string_view text) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    wrong(std::string(error.description()));
  }
  Complaints complaints;
  std::int64_t ctx_size = -1;
  TableReader reader(complaints, "what is asked of a model");
  add_placement_keys(reader, model.request.dry_run.model);
  add_context_keys(reader, model.request.dry_run.context, ctx_size);
  reader.read(table);
  if (!complaints.list.empty()) wrong(complaints.list.front().message);
  settle_context(model.request.dry_run, table, ctx_size);
  engine::validate(model.request.dry_run.context);
  if (model.draft) {  // its context is as the model's
    const engine::ModelParams file = model.draft->request.dry_run.model;
    model.draft->request = run::plan_with_draft(model.request, file.path, model.draft->speculation);
    model.draft->request.dry_run.model = file;
  }
  return model;
}

}  // namespace plimsoll::host
