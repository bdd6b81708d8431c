#include <plimsoll/dry_run/dry_run_json.hpp>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include <plimsoll/options/table.hpp>

namespace plimsoll::dry_run {
namespace {

using Json = nlohmann::ordered_json;

Json optional_bytes(const std::optional<Bytes>& bytes) { return bytes ? Json(bytes->value()) : Json(nullptr); }

// Dry runs come from files and from other programs, and another version may have written them.
[[noreturn]] void not_understood(std::string_view what, const Json& json) {
  throw Error(ErrorCode::unsupported, fmt::format("this dry run is not of this version: {} {}", what, json.dump()));
}

Bytes bytes(const Json& json) {
  if (!json.is_number_unsigned()) not_understood("an amount of memory cannot be", json);
  return Bytes{json.get<std::uint64_t>()};
}

std::optional<Bytes> optional_bytes(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(bytes(json));
}

// An enumerator of the engine's, from its first to its last. What names none would be an index into its tables.
template <class Enum>
Enum named(const Json& json, Enum first, Enum last) {
  const auto value = json.get<std::int64_t>();
  if (value < first || value > last) not_understood("there is no value", json);
  return static_cast<Enum>(value);
}

Json model_facts(const engine::ModelFacts& facts) {
  return {{"architecture", facts.architecture}, {"description", facts.description},
          {"n_params", facts.n_params},         {"tensor_bytes", facts.tensor_bytes.value()},
          {"n_layer", facts.n_layer},           {"n_embd", facts.n_embd},
          {"n_embd_inp", facts.n_embd_inp},     {"n_swa", facts.n_swa},
          {"n_vocab", facts.n_vocab},           {"n_ctx_train", facts.n_ctx_train},
          {"n_expert", facts.n_expert},         {"has_encoder", facts.has_encoder},
          {"has_decoder", facts.has_decoder},   {"is_recurrent", facts.is_recurrent},
          {"is_hybrid", facts.is_hybrid},       {"is_diffusion", facts.is_diffusion},
          {"n_embd_out", facts.n_embd_out},     {"n_cls_out", facts.n_cls_out},
          {"is_causal", facts.is_causal},       {"has_2d_positions", facts.has_2d_positions}};
}

engine::ModelFacts model_facts(const Json& json) {
  return {.architecture = json.at("architecture"),
          .description = json.at("description"),
          .n_params = json.at("n_params"),
          .tensor_bytes = bytes(json.at("tensor_bytes")),
          .n_layer = json.at("n_layer"),
          .n_embd = json.at("n_embd"),
          .n_embd_inp = json.value("n_embd_inp", 0),  // absent in answers kept by earlier versions
          .n_vocab = json.at("n_vocab"),
          .n_swa = json.value("n_swa", 0),
          .n_ctx_train = json.at("n_ctx_train"),
          .n_expert = json.at("n_expert"),
          .has_encoder = json.at("has_encoder"),
          .has_decoder = json.at("has_decoder"),
          .is_recurrent = json.at("is_recurrent"),
          .is_hybrid = json.at("is_hybrid"),
          .is_diffusion = json.at("is_diffusion"),
          .n_embd_out = json.at("n_embd_out"),
          .n_cls_out = json.at("n_cls_out"),
          .is_causal = json.at("is_causal"),
          .has_2d_positions = json.value("has_2d_positions", false)};
}

Json context_facts(const engine::ContextFacts& facts) {
  return {{"n_ctx", facts.n_ctx},
          {"n_ctx_seq", facts.n_ctx_seq},
          {"n_batch", facts.n_batch},
          {"n_ubatch", facts.n_ubatch},
          {"n_seq_max", facts.n_seq_max},
          {"n_outputs_max", facts.n_outputs_max},
          {"type_k", static_cast<int>(facts.type_k)},
          {"type_v", static_cast<int>(facts.type_v)},
          {"flash_attn", facts.flash_attn},
          {"kv_unified", facts.kv_unified},
          {"swa_full", facts.swa_full},
          {"has_memory", facts.has_memory},
          {"pooling", static_cast<int>(facts.pooling)}};
}

engine::ContextFacts context_facts(const Json& json) {
  return {.n_ctx = json.at("n_ctx"),
          .n_ctx_seq = json.at("n_ctx_seq"),
          .n_batch = json.at("n_batch"),
          .n_ubatch = json.at("n_ubatch"),
          .n_seq_max = json.at("n_seq_max"),
          .n_outputs_max = json.at("n_outputs_max"),
          .type_k = named(json.at("type_k"), GGML_TYPE_F32, static_cast<ggml_type>(GGML_TYPE_COUNT - 1)),
          .type_v = named(json.at("type_v"), GGML_TYPE_F32, static_cast<ggml_type>(GGML_TYPE_COUNT - 1)),
          .flash_attn = json.at("flash_attn"),
          .kv_unified = json.at("kv_unified"),
          .swa_full = json.at("swa_full"),
          .has_memory = json.at("has_memory"),
          .pooling = named(json.at("pooling"), LLAMA_POOLING_TYPE_UNSPECIFIED, LLAMA_POOLING_TYPE_RANK)};
}

Json buffer_entry(const BufferEntry& entry) {
  return {{"device", entry.device.name()},
          {"buffer", entry.buffer},
          {"stage", memory::to_string(entry.stage)},
          {"bytes", entry.bytes.value()},
          {"charged", entry.charged}};
}

memory::Stage stage(const Json& json) {
  const auto known = memory::stage_from_string(json.get<std::string>());
  if (!known) not_understood("there is no stage", json);
  return *known;
}

BufferEntry buffer_entry(const Json& json) {
  return {.device = device::DeviceId{json.at("device")},
          .buffer = json.at("buffer"),
          .stage = stage(json.at("stage")),
          .bytes = bytes(json.at("bytes")),
          .charged = json.at("charged")};
}

}  // namespace

namespace {

Json request_json(const DryRunRequest& request, options::Part part) {
  Json adapters = Json::array();
  for (const auto& adapter : request.adapters) adapters.push_back({adapter.path, adapter.scale});
  Json control_vector = {{"files", Json::array()},
                         {"layers", {request.control_vector.first_layer, request.control_vector.last_layer}}};
  for (const auto& file : request.control_vector.files) control_vector["files"].push_back({file.path, file.scale});
  Json json = {{"model", options::to_json(request.model, part)},
               {"context", options::to_json(request.context, part)},
               {"adapters", adapters},
               {"control_vector", control_vector},
               {"at_creation", request.at_creation}};
  if (request.projector.wanted()) json["projector"] = options::to_json(request.projector, part);
  return json;
}

}  // namespace

Json to_json(const DryRunRequest& request) { return request_json(request, options::Part::everything); }

Json dry_run_key(const DryRunRequest& request) { return request_json(request, options::Part::dry_run_key); }

DryRunRequest dry_run_request_from_json(const Json& json) {
  DryRunRequest request{.model = options::from_json<engine::ModelParams>(json.at("model")),
                        .context = options::from_json<engine::ContextParams>(json.at("context"))};
  for (const Json& pair : json.at("adapters")) request.adapters.push_back({.path = pair.at(0), .scale = pair.at(1)});
  const Json& vector = json.at("control_vector");
  for (const Json& pair : vector.at("files"))
    request.control_vector.files.push_back({.path = pair.at(0), .scale = pair.at(1)});
  vector.at("layers").at(0).get_to(request.control_vector.first_layer);
  vector.at("layers").at(1).get_to(request.control_vector.last_layer);
  json.at("at_creation").get_to(request.at_creation);
  if (json.contains("projector")) request.projector = options::from_json<engine::ProjectorParams>(json.at("projector"));
  return request;
}

Json to_json(const DryRun& dry_run) {
  Json entries = Json::array();
  for (const BufferEntry& entry : dry_run.entries) entries.push_back(buffer_entry(entry));
  return {{"entries", entries},
          {"model", model_facts(dry_run.model)},
          {"context", context_facts(dry_run.context)},
          {"gpu_layers", dry_run.gpu_layers},
          {"outputs", dry_run.outputs},
          {"picture_tokens", dry_run.picture_tokens},
          {"picture_limit", dry_run.picture_limit},
          {"transient", dry_run.transient.value()}};
}

DryRun dry_run_from_json(const Json& json) {
  DryRun dry_run;
  for (const Json& entry : json.at("entries")) dry_run.entries.push_back(buffer_entry(entry));
  dry_run.model = model_facts(json.at("model"));
  dry_run.context = context_facts(json.at("context"));
  json.at("gpu_layers").get_to(dry_run.gpu_layers);
  json.at("outputs").get_to(dry_run.outputs);
  dry_run.picture_tokens = json.value("picture_tokens", 0);  // absent in answers kept by earlier versions
  dry_run.picture_limit = json.value("picture_limit", 0);
  dry_run.transient = bytes(json.at("transient"));
  return dry_run;
}

Json to_json(const DeviceView& view) {
  return {{"id", view.info.id.name()},
          {"type", static_cast<int>(view.info.type)},
          {"backend", view.info.backend},
          {"description", view.info.description},
          {"pci_id", view.info.pci_id ? Json(*view.info.pci_id) : Json(nullptr)},
          {"memory_is_hosts", view.info.memory_is_hosts},
          {"uuid", view.info.uuid ? Json(*view.info.uuid) : Json(nullptr)},
          {"same_memory_as", view.info.same_memory_as.name()},
          {"total", optional_bytes(view.reading.total)},
          {"free", optional_bytes(view.reading.free)},
          {"used_by_us", optional_bytes(view.reading.used_by_us)},
          {"source", view.reading.source},
          {"taken_at_ns",
           std::chrono::duration_cast<std::chrono::nanoseconds>(view.reading.taken_at.time_since_epoch()).count()}};
}

DeviceView device_view_from_json(const Json& json) {
  DeviceView view;
  view.info.id = device::DeviceId{json.at("id")};
  view.info.type = static_cast<device::DeviceType>(json.at("type").get<int>());
  json.at("backend").get_to(view.info.backend);
  json.at("description").get_to(view.info.description);
  if (!json.at("pci_id").is_null()) view.info.pci_id = json.at("pci_id").get<std::string>();
  json.at("memory_is_hosts").get_to(view.info.memory_is_hosts);
  if (!json.at("uuid").is_null()) view.info.uuid = json.at("uuid").get<std::string>();
  view.info.same_memory_as = device::DeviceId{json.at("same_memory_as").get<std::string>()};
  view.reading.total = optional_bytes(json.at("total"));
  view.reading.free = optional_bytes(json.at("free"));
  view.reading.used_by_us = optional_bytes(json.at("used_by_us"));
  json.at("source").get_to(view.reading.source);
  view.reading.taken_at = Clock::TimePoint{std::chrono::duration_cast<Clock::TimePoint::duration>(
      std::chrono::nanoseconds(json.at("taken_at_ns").get<std::int64_t>()))};
  return view;
}

}  // namespace plimsoll::dry_run
