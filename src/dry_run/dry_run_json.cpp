#include "dry_run/dry_run_json.hpp"

#include <chrono>

#include "base/clock.hpp"
#include "base/json_fields.hpp"
#include "options/path_json.hpp"
#include "options/table.hpp"

template <>
struct nlohmann::adl_serializer<plimsoll::device::DeviceId> {
  static void to_json(auto& json, const plimsoll::device::DeviceId& id) { json = id.name(); }
  static void from_json(const auto& json, plimsoll::device::DeviceId& id) {
    id = plimsoll::device::DeviceId{json.template get<std::string>()};
  }
};

template <>
struct nlohmann::adl_serializer<plimsoll::memory::Stage> {
  static void to_json(auto& json, plimsoll::memory::Stage stage) { json = plimsoll::memory::to_string(stage); }
  static void from_json(const auto& json, plimsoll::memory::Stage& stage) {
    const auto known = plimsoll::memory::stage_from_string(json.template get<std::string>());
    if (!known) plimsoll::refuse_json("there is no stage", json);
    stage = *known;
  }
};

// Nanoseconds.
template <>
struct nlohmann::adl_serializer<plimsoll::Clock::TimePoint> {
  using TimePoint = plimsoll::Clock::TimePoint;
  static void to_json(auto& json, TimePoint time) {
    json = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  }
  static void from_json(const auto& json, TimePoint& time) {
    const std::chrono::nanoseconds since(json.template get<std::int64_t>());
    time = TimePoint{std::chrono::duration_cast<TimePoint::duration>(since)};
  }
};

namespace plimsoll {

using engine::CacheType;
using engine::Pooling;

template <>
struct JsonFields<engine::AdapterParams> {
  static void visit(auto& visit, auto& adapter) {
    options::PathInJson path{adapter.path};
    visit.whole(path, adapter.scale);
  }
};

template <>
struct JsonFields<engine::ControlVectorParams> {
  static void visit(auto& visit, auto& vector) {
    visit("files", vector.files);
    visit.list("layers", vector.first_layer, vector.last_layer);
  }
};

// What answers kept by earlier versions do not have may be absent.
template <>
struct JsonFields<engine::ModelFacts> {
  static void visit(auto& visit, auto& facts) {
    visit("architecture", facts.architecture);
    visit("description", facts.description);
    visit("n_params", facts.n_params);
    visit("tensor_bytes", facts.tensor_bytes);
    visit("n_layer", facts.n_layer);
    visit("n_embd", facts.n_embd);
    visit.may_lack("n_embd_inp", facts.n_embd_inp);
    visit.may_lack("n_swa", facts.n_swa);
    visit("n_vocab", facts.n_vocab);
    visit("n_ctx_train", facts.n_ctx_train);
    visit("n_expert", facts.n_expert);
    visit("has_encoder", facts.has_encoder);
    visit("has_decoder", facts.has_decoder);
    visit("is_recurrent", facts.is_recurrent);
    visit("is_hybrid", facts.is_hybrid);
    visit("is_diffusion", facts.is_diffusion);
    visit("n_embd_out", facts.n_embd_out);
    visit("n_cls_out", facts.n_cls_out);
    visit("is_causal", facts.is_causal);
    visit.may_lack("has_2d_positions", facts.has_2d_positions);
  }
};

template <>
struct JsonFields<engine::ContextFacts> {
  static void visit(auto& visit, auto& facts) {
    visit("n_ctx", facts.n_ctx);
    visit("n_ctx_seq", facts.n_ctx_seq);
    visit("n_batch", facts.n_batch);
    visit("n_ubatch", facts.n_ubatch);
    visit("n_seq_max", facts.n_seq_max);
    visit("n_outputs_max", facts.n_outputs_max);
    visit.choice("type_k", facts.type_k, CacheType::f32, CacheType::bf16);
    visit.choice("type_v", facts.type_v, CacheType::f32, CacheType::bf16);
    visit("flash_attn", facts.flash_attn);
    visit("kv_unified", facts.kv_unified);
    visit("swa_full", facts.swa_full);
    visit("has_memory", facts.has_memory);
    visit.may_lack("is_causal", facts.is_causal);
    visit("can_shift", facts.can_shift);
    visit.choice("pooling", facts.pooling, Pooling::unspecified, Pooling::rank);
  }
};

template <>
struct JsonFields<dry_run::BufferEntry> {
  static void visit(auto& visit, auto& entry) {
    visit("device", entry.device);
    visit("buffer", entry.buffer);
    visit("stage", entry.stage);
    visit("bytes", entry.bytes);
    visit("charged", entry.charged);
  }
};

template <>
struct JsonFields<dry_run::DryRun> {
  static void visit(auto& visit, auto& dry_run) {
    visit("entries", dry_run.entries);
    visit("model", dry_run.model);
    visit("context", dry_run.context);
    visit("gpu_layers", dry_run.gpu_layers);
    visit("outputs", dry_run.outputs);
    visit("shift_takes_more", dry_run.shift_takes_more);
    visit.may_lack("picture_tokens", dry_run.picture_tokens);
    visit.may_lack("picture_limit", dry_run.picture_limit);
    visit("transient", dry_run.transient);
  }
};

template <>
struct JsonFields<dry_run::DeviceView> {
  static void visit(auto& visit, auto& view) {
    visit("id", view.info.id);
    visit.choice("type", view.info.type, device::DeviceType::cpu, device::DeviceType::accelerator);
    visit("backend", view.info.backend);
    visit("description", view.info.description);
    visit("pci_id", view.info.pci_id);
    visit("memory_is_hosts", view.info.memory_is_hosts);
    visit("uuid", view.info.uuid);
    visit("same_memory_as", view.info.same_memory_as);
    visit("total", view.reading.total);
    visit("free", view.reading.free);
    visit("used_by_us", view.reading.used_by_us);
    visit("source", view.reading.source);
    visit("taken_at_ns", view.reading.taken_at);
  }
};

namespace dry_run {
namespace {

using Json = nlohmann::ordered_json;

// Dry runs come from files and from other programs, and another version may have written them.
template <class T>
T read(const Json& json) {
  try {
    return json.get<T>();
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("this dry run is not of this version: {}", error.what()));
  }
}

Json request_json(const DryRunRequest& request, options::Part part) {
  Json json = {{"model", options::to_json(request.model, part)},
               {"context", options::to_json(request.context, part)},
               {"adapters", request.adapters},
               {"control_vector", request.control_vector},
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
  json.at("adapters").get_to(request.adapters);
  json.at("control_vector").get_to(request.control_vector);
  json.at("at_creation").get_to(request.at_creation);
  if (json.contains("projector")) request.projector = options::from_json<engine::ProjectorParams>(json.at("projector"));
  return request;
}
Json to_json(const DryRun& dry_run) { return Json(dry_run); }
DryRun dry_run_from_json(const Json& json) { return read<DryRun>(json); }
Json to_json(const DeviceView& view) { return Json(view); }
DeviceView device_view_from_json(const Json& json) { return read<DeviceView>(json); }

}  // namespace dry_run
}  // namespace plimsoll
