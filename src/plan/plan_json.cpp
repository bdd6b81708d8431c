#include "plan/plan_json.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/utf8.hpp"
#include "engine/backend.hpp"
#include "options/option.hpp"
#include "tracker/tracker.hpp"

namespace plimsoll::plan {
namespace {

using Json = nlohmann::ordered_json;

Json optional_bytes(const std::optional<Bytes>& bytes) { return bytes ? Json(bytes->value()) : Json(nullptr); }

// What was asked, where the engine made something else of it.
Json requested(const ModelPlan& model) {
  const engine::ContextParams& asked = model.request.context;
  const engine::ContextFacts& made = model.dry_run.context;
  Json json = Json::object();
  if (asked.n_ctx && *asked.n_ctx != made.n_ctx) json["n_ctx"] = *asked.n_ctx;
  if (asked.n_batch != made.n_batch) json["n_batch"] = asked.n_batch;
  if (asked.n_ubatch != made.n_ubatch) json["n_ubatch"] = asked.n_ubatch;
  if (asked.n_seq_max != 1) json["n_seq_max"] = asked.n_seq_max;
  return json;
}

Json context(const ModelPlan& model) {
  const engine::ContextFacts& made = model.dry_run.context;
  return {{"n_ctx", made.n_ctx},
          {"n_ctx_seq", made.n_ctx_seq},
          {"n_batch", made.n_batch},
          {"n_ubatch", made.n_ubatch},
          {"n_seq_max", made.n_seq_max},
          {"n_outputs_max", made.n_outputs_max},
          {"outputs", model.dry_run.outputs},
          {"type_k", engine::to_string(made.type_k)},
          {"type_v", engine::to_string(made.type_v)},
          {"flash_attn", made.flash_attn ? "enabled" : "disabled"},
          {"kv_unified", made.kv_unified},
          {"swa_full", made.swa_full},
          {"load_mode", engine::to_string(model.request.model.load_mode)},
          {"gpu_layers", model.dry_run.gpu_layers}};
}

Json model_json(const ModelPlan& model) {
  Json entries = Json::array();
  for (const Entry& entry : model.entries) entries.push_back(to_json(entry));
  Json json{{"name", model.name},
            {"path", as_utf8(model.request.model.path)},
            {"architecture", model.dry_run.model.architecture},
            {"requested", requested(model)},
            {"context", context(model)},
            {"entries", entries}};
  if (!model.compute_group.empty()) json["compute_group"] = model.compute_group;
  if (!model.weights_of.empty()) json["weights_of"] = model.weights_of;
  if (const engine::ModelParams& params = model.request.model; params.tensor_split.size() > 1)
    json["split"] = {{"devices", params.devices}, {"shares", params.tensor_split}};
  if (const engine::ProjectorParams& projector = model.request.projector; projector.wanted())
    json["projector"] = {{"path", as_utf8(projector.path)}, {"picture_tokens", model.dry_run.picture_tokens}};
  return json;
}

Json device_json(const DeviceVerdict& verdict) {
  const DeviceState& state = verdict.state;
  Json json{{"device", state.info.id.name()},
            {"description", state.info.description},
            {"memory_is_hosts", state.info.memory_is_hosts},
            {"total", optional_bytes(state.reading.total)},
            {"free", optional_bytes(state.reading.free)},
            {"source", state.reading.source},
            {"budget", state.budget ? Json(state.budget->bytes.value()) : Json(nullptr)},
            {"ours", state.ours.value()},
            {"required", verdict.required.value()},
            {"short_by", verdict.short_by.value()},
            {"limit", verdict.limit ? Json(to_string(*verdict.limit)) : Json(nullptr)},
            {"fits", verdict.fits()},
            {"stands_on_estimate", verdict.stands_on_estimate()}};
  if (state.promised_to_others > Bytes{}) json["promised_to_others"] = state.promised_to_others.value();
  if (state.held_back > Bytes{}) json["held_back"] = state.held_back.value();
  // A card's requirement stands with each of its names: a reader that adds up must count it once.
  if (state.info.memory() != state.info.id) json["memory"] = state.info.memory().name();
  return json;
}

// As it stands in a fleet file, and in a request for a plan.
Json value_of(const options::Option& option, const std::string& text) {
  if (option.kind == options::Kind::flag) return text == "true";
  const bool is_number = !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  return is_number ? Json(std::stoll(text)) : Json(text);
}

Json alternative_json(const Alternative& alternative) {
  Json changes = Json::array();
  Json keys = Json::object();
  for (const Change& change : alternative.changes) {
    changes.push_back({{"param", change.param}, {"from", change.from}, {"to", change.to}});
    const options::Option option = options::option_of_param(change.param);
    if (!option.key.empty()) keys[option.key] = value_of(option, change.to);
  }
  Json required = Json::object();
  for (const auto& [device, bytes] : alternative.required) required[device.name()] = bytes.value();
  return {{"flags", alternative.flags},
          {"keys", keys},
          {"changes", changes},
          {"cost", alternative.cost},
          {"required", required}};
}

template <class T>
Json array_of(const std::vector<T>& items, Json (*one)(const T&)) {
  Json json = Json::array();
  for (const T& item : items) json.push_back(one(item));
  return json;
}

}  // namespace

Json to_json(const Entry& entry) {
  Json json{{"device", entry.device.name()},
            {"buffer", entry.buffer},
            {"stage", memory::to_string(entry.stage)},
            {"bytes", entry.bytes.value()},
            {"source", to_string(entry.source)}};
  if (!entry.charged) json["charged"] = false;
  return json;
}

Json to_json(const std::vector<Alternative>& alternatives) { return array_of(alternatives, alternative_json); }

Json to_json(const Plan& plan, tracker::Mode tracker) {
  const engine::EngineVersion engine = engine::engine_version();
  return {{"schema", "plimsoll.plan/1"},
          {"engine", {{"llama", engine.llama}, {"ggml", engine.ggml}, {"tracker", tracker::to_string(tracker)}}},
          {"verdict", plan.fits() ? "fits" : "refused"},
          {"models", array_of(plan.models, model_json)},
          {"devices", array_of(plan.devices, device_json)},
          {"alternatives", to_json(plan.alternatives)},
          {"each_fits_alone", each_fits_alone(plan)}};
}

}  // namespace plimsoll::plan
