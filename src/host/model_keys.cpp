#include "model_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <sstream>

#include <plimsoll/base/error.hpp>
#include "base/parse_number.hpp"
#include "base/text_file.hpp"
#include "base/utf8.hpp"
#include "engine/chat_template.hpp"
#include "engine/sampling_json.hpp"
#include "host/fleet_file.hpp"
#include "options/table.hpp"
#include "run/embedder.hpp"
#include "run/reranker.hpp"

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

engine::AdapterParams scaled_file(const std::filesystem::path& folder, const std::string& value) {
  engine::AdapterParams file{.path = value};
  const std::size_t colon = value.rfind(':');
  if (colon != std::string::npos) {
    if (const auto scale = parse_number<float>(std::string_view(value).substr(colon + 1)))
      file = {.path = value.substr(0, colon), .scale = *scale};
  }
  file.path = from_folder(folder, file.path);
  return file;
}

// The keys of the table's parameters.
template <class Params>
void add_parameters(TableReader& reader, Params& params) {
  for (const auto& row : options::rows<Params>()) {
    if (row->key.empty()) continue;
    reader.option(*row,
                  [&params, &row](const std::string& text) { row->read(params, fmt::format("'{}'", row->key), text); });
  }
}

void add_parameters(TableReader& reader, dry_run::DryRunRequest& request) {
  add_parameters(reader, request.model);
  add_parameters(reader, request.projector);
  add_parameters(reader, request.context);
}

// The keys that say which model: its name and its files.
void add_file_keys(TableReader& reader, FleetModel& model, const std::filesystem::path& folder) {
  plan::Request& request = model.request;
  reader.text("name", [&](const std::string& value) { request.name = value; });
  reader.text("path", [&request, folder](const std::string& value) {
    request.dry_run.model.path = from_folder(folder, value);
  });
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

void add_host_keys(TableReader& reader, FleetModel& model) {
  reader.text("compute-group", [&](const std::string& value) { model.request.compute_group = value; });
  reader.flag("pinned", model.pinned);
  reader.number("priority", model.priority, -20, 20);
  reader.flag("load-at-start", model.load_at_start);
  add_isolation_keys(reader, model.isolation);
  reader.texts("runtime", [&](const std::string& value) {
    const auto runtime = plan::parse_runtime(value);
    if (!runtime) wrong(runtime.error());
    model.request.runtime.push_back(*runtime);
  });
  reader.text("time-to-live", [&](const std::string& value) {
    model.time_to_live = parse_duration(value);
    if (!model.time_to_live)
      wrong(fmt::format("'time-to-live' does not know '{}'; it takes a number and ms, s, min, h or d", value));
  });
  reader.text("warm-up", [&](const std::string& value) {
    const auto depth = run::warm_up_depth_from_string(value);
    if (!depth) wrong(fmt::format("'warm-up' does not know '{}'; it takes auto, full, quick or none", value));
    model.warm_up = *depth;
  });
}

// A template in the place of the file's own: Jinja text or a built-in name, or a file of such text.
void add_template_keys(TableReader& reader, std::string& chat_template, const std::filesystem::path& folder) {
  const auto choose = [&chat_template](const std::string& text) {
    if (!chat_template.empty()) wrong("'chat-template' and 'chat-template-file' do not go together");
    engine::ChatTemplate::check(text);
    chat_template = text;
  };
  reader.text("chat-template", choose);
  reader.text("chat-template-file",
              [choose, folder](const std::string& value) { choose(read_text_file(from_folder(folder, value))); });
}

nlohmann::ordered_json json_of(const toml::table& table) {
  std::ostringstream text;
  text << toml::json_formatter(table);
  return nlohmann::ordered_json::parse(text.str());
}

// What the template may ask for by name.
void add_template_arguments(TableReader& reader, std::string& values) {
  reader.table("template-arguments", [&values](const toml::table& table) { values = json_of(table).dump(); });
}

// A table of sampling parameters by llama-server's names.
void add_sampling(TableReader& reader, engine::PartialSampling& sampling) {
  reader.table("sampling", [&sampling](const toml::table& table) {
    sampling = engine::partial_sampling_from_json(json_of(table));
  });
}

Preset read_preset(const toml::table& table, const std::filesystem::path& folder, Complaints& complaints) {
  Preset preset;
  TableReader reader(complaints, "a preset");
  bool thinking = false;
  reader.text("name", [&](const std::string& value) { preset.name = value; });
  reader.texts("aliases", [&](const std::string& value) { preset.aliases.push_back(value); });
  reader.text("system", [&](const std::string& value) { preset.system = value; });
  reader.flag("thinking", thinking);
  reader.number("ctx-size", preset.n_ctx, 1);
  add_template_arguments(reader, preset.template_values);
  add_template_keys(reader, preset.chat_template, folder);
  add_sampling(reader, preset.sampling);
  std::vector<engine::AdapterParams> adapters;
  reader.texts("lora", [&](const std::string& value) { adapters.push_back(scaled_file(folder, value)); });
  reader.read(table);
  if (table.contains("lora")) preset.adapters = std::move(adapters);
  if (table.contains("thinking")) preset.thinking = thinking;
  if (preset.name.empty()) complaints.at(table.source(), "a preset has no 'name'");
  return preset;
}

void add_naming(TableReader& reader, FleetModel& model, const std::filesystem::path& folder, Complaints& complaints) {
  reader.texts("aliases", [&](const std::string& value) { model.aliases.push_back(value); });
  reader.texts("tags", [&](const std::string& value) { model.tags.push_back(value); });
  add_sampling(reader, model.sampling);
  add_template_keys(reader, model.chat_template, folder);
  add_template_arguments(reader, model.template_values);
  reader.tables("preset", "[[model.preset]]", [&, folder](const toml::table& table) {
    model.presets.push_back(read_preset(table, folder, complaints));
  });
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

// Once the model's own context is as it will be.
void add_draft(FleetModel& model, const DraftKeys& keys) {
  if (keys.path.empty()) return;
  model.draft = {.request = run::plan_with_draft(model.request, keys.path, keys.speculation),
                 .speculation = keys.speculation};
  if (keys.gpu_layers.empty()) return;
  options::row_of<engine::ModelParams>("gpu_layers")
      .read(model.draft->request.dry_run.model, "'gpu-layers-draft'", keys.gpu_layers);
}

// What follows from the context's keys: defaults that depend on others, and the shape that embeddings want.
void finish_context(dry_run::DryRunRequest& dry_run, const toml::table& table) {
  engine::ContextParams& context = dry_run.context;
  if (!table.contains("ubatch-size")) context.n_ubatch = std::min(context.n_ubatch, context.n_batch);
  if (context.embeddings && context.pooling == engine::Pooling::rank) {
    run::plan_for_ranking(dry_run);
  } else if (context.embeddings) {
    run::plan_for_embeddings(dry_run, context.pooling);
  }
}

}  // namespace

void add_isolation_keys(TableReader& reader, Isolation& isolation) {
  reader.text("isolation", [&](const std::string& value) {
    if (value != "process" && value != "none")
      wrong(fmt::format("'isolation' does not know '{}'; it takes process or none", value));
    isolation.own_process = value == "process";
  });
  reader.text("max-decode-time", [&](const std::string& value) {
    isolation.most_decode_time = parse_duration(value);
    if (!isolation.most_decode_time)
      wrong(fmt::format("'max-decode-time' does not know '{}'; it takes a number and ms, s, min, h or d", value));
  });
  reader.text("process-memory", [&](const std::string& value) {
    const auto bytes = parse_bytes(value);
    if (!bytes) wrong(fmt::format("'process-memory': {}", bytes.error()));
    isolation.most_host_memory = *bytes;
  });
  reader.text_or_number("most-deaths", [&](const std::string& value) {
    const auto most = parse_number<std::size_t>(value);
    if (!most) wrong(fmt::format("'most-deaths' does not know '{}'; it takes a number, 0 for no limit", value));
    isolation.most_deaths = *most;
  });
}

std::string from_folder(const std::filesystem::path& folder, const std::string& path) {
  return (folder / path).lexically_normal().string();  // an absolute path replaces the folder
}

FleetModel read_model(const toml::table& table, const std::filesystem::path& folder, Complaints& complaints,
                      const std::vector<std::string>& elsewhere) {
  FleetModel model{.place = fmt::format("{}:{}", table.source().begin.line, table.source().begin.column)};
  model.request.compute_group = kDefaultGroup;
  engine::ContextParams& context = model.request.dry_run.context;
  TableReader reader(complaints, "a model");
  add_file_keys(reader, model, folder);
  add_parameters(reader, model.request.dry_run);
  add_host_keys(reader, model);
  add_naming(reader, model, folder, complaints);
  DraftKeys draft;
  add_draft_keys(reader, draft, folder);
  for (const std::string& key : elsewhere) reader.elsewhere(key);
  reader.read(table);

  finish_context(model.request.dry_run, table);
  const std::string& path = model.request.dry_run.model.path;
  if (!table.contains("path")) complaints.at(table.source(), "a model has no 'path'");
  if (const auto twice = plan::contradiction(model.request.runtime)) complaints.at(table.source(), *twice);
  if (model.request.name.empty()) model.request.name = name_of_file(path);
  try {
    engine::validate(context);
    if (model.request.dry_run.projector.wanted()) engine::validate(model.request.dry_run.projector);
    add_draft(model, draft);
  } catch (const Error& error) {
    complaints.at(table.source(), fmt::format("'{}': {}", model.request.name, error.what()));
  }
  return model;
}

FleetModel with_keys(FleetModel model, std::string_view text, const std::string& where) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    wrong(std::string(error.description()));
  }
  Complaints complaints;
  TableReader reader(complaints, where);
  add_parameters(reader, model.request.dry_run);
  reader.read(table);
  if (!complaints.list.empty()) wrong(complaints.list.front().message);
  finish_context(model.request.dry_run, table);
  engine::validate(model.request.dry_run.context);
  if (model.draft) {  // its context is as the model's
    const engine::ModelParams file = model.draft->request.dry_run.model;
    model.draft->request = run::plan_with_draft(model.request, file.path, model.draft->speculation);
    model.draft->request.dry_run.model = file;
  }
  return model;
}

}  // namespace plimsoll::host
