#include "model_list.hpp"

#include <algorithm>
#include <utility>

#include "api/ollama_models.hpp"

#include "asked_model.hpp"
#include "media_prompt.hpp"
#include "ollama_facts.hpp"

namespace plimsoll::server {

using api::Json;

namespace {

const char* kind_of(const host::FleetModel& model, const MediaSenses& senses) {
  if (model.request.dry_run.context.embeddings) return "embeddings";
  return senses.sees ? "vlm" : "llm";
}

// LM Studio's word, and llama-server's.
Json capabilities_of(const plan::ModelPlan& plan, const MediaSenses& senses) {
  Json out = Json::array();
  if (plan.request.context.embeddings) return out;
  out.push_back("tool_use");
  if (senses.sees || senses.hears) out.push_back("multimodal");
  return out;
}

// As llama-server's router says it.
Json llama_status(const host::ModelStatus& status) {
  using enum host::ModelState;
  const bool loads = status.state == loading || status.state == warming;
  Json json{{"value", loads ? "loading" : host::is_resident(status.state) ? "loaded" : "unloaded"}};
  if (status.state == failed) json["failed"] = true;
  return json;
}

std::uint32_t usable_context(const host::Preset* preset, const plan::ModelPlan& plan) {
  const engine::ContextFacts& context = plan.dry_run.context;
  const std::uint32_t own = preset != nullptr && preset->n_ctx > 0 ? preset->n_ctx : context.n_ctx_seq;
  return std::min(own, context.n_ctx_seq);
}

// One of OpenAI's form in llama-server's own, which is like Ollama's.
Json llama_model(const Json& model) {
  Json capabilities = Json::array({model.at("type") == "embeddings" ? "embedding" : "completion"});
  if (std::ranges::contains(model.at("capabilities"), "multimodal")) capabilities.push_back("multimodal");
  return {{"name", model.at("id")},
          {"model", model.at("id")},
          {"type", "model"},
          {"tags", model.at("tags")},
          {"capabilities", std::move(capabilities)},
          {"details",
           {{"format", "gguf"}, {"family", model.at("arch")}, {"quantization_level", model.at("quantization")}}}};
}

}  // namespace

Json openai_model(const host::FleetModel& model, const host::Preset* preset, const host::ModelStatus& status,
                  const plan::ModelPlan& plan) {
  const engine::ContextFacts& context = plan.dry_run.context;
  const std::uint32_t length = usable_context(preset, plan);
  const bool is_loaded = host::is_resident(status.state);
  const MediaSenses senses = senses_of(model, plan);
  Json json{{"id", preset != nullptr ? preset->name : model.request.name},
            {"object", "model"},
            {"created", 0},
            {"owned_by", "plimsoll"},
            {"aliases", preset != nullptr ? preset->aliases : model.aliases},
            {"tags", model.tags},
            {"max_model_len", length},
            // What LM Studio's clients look for; some (Zed) read no list in which one of these is missing.
            {"type", kind_of(model, senses)},
            {"publisher", "plimsoll"},
            {"arch", plan.dry_run.model.architecture},
            {"compatibility_type", "gguf"},
            {"quantization", api::quantization_level(plan.dry_run.model.description)},
            {"state", is_loaded ? "loaded" : "not-loaded"},
            {"max_context_length", length},
            {"status", llama_status(status)},
            {"capabilities", capabilities_of(plan, senses)},
            {"meta",
             {{"state", host::to_string(status.state)},
              {"architecture", plan.dry_run.model.architecture},
              {"n_ctx", length},
              {"n_ctx_total", context.n_ctx},
              {"slots", status.slots},
              {"n_ctx_train", plan.dry_run.model.n_ctx_train},
              {"n_embd", plan.dry_run.model.n_embd},
              {"n_vocab", plan.dry_run.model.n_vocab},
              {"n_params", plan.dry_run.model.n_params},
              {"embeddings", model.request.dry_run.context.embeddings}}}};
  if (is_loaded) json["loaded_context_length"] = length;
  if (preset != nullptr) json["preset_of"] = model.request.name;
  return json;
}

Json openai_models(const host::Host& host) {
  Json data = Json::array();
  for (const KnownModel& known : known_models(host)) {
    data.push_back(openai_model(*known.model, nullptr, known.status, known.plan));
    for (const host::Preset& preset : known.model->presets)
      data.push_back(openai_model(*known.model, &preset, known.status, known.plan));
  }
  Json models = Json::array();
  for (const Json& model : data) models.push_back(llama_model(model));
  return {{"object", "list"}, {"data", std::move(data)}, {"models", std::move(models)}};
}

const char* lm_studio_type(const plan::ModelPlan& plan) {
  return plan.request.context.embeddings ? "embedding" : "llm";
}

Json lm_studio_config(const host::Preset* preset, const plan::ModelPlan& plan) {
  Json out{{"context_length", usable_context(preset, plan)}};
  if (plan.request.context.embeddings) return out;
  const engine::ContextFacts& context = plan.dry_run.context;
  out["eval_batch_size"] = context.n_batch;
  out["parallel"] = context.n_seq_max;
  out["flash_attention"] = context.flash_attn;
  out["offload_kv_cache_to_gpu"] = std::ranges::any_of(plan.entries, [](const plan::Entry& entry) {
    return entry.stage == memory::Stage::kv_cache && !entry.device.is_host() && entry.bytes.value() > 0;
  });
  return out;
}

namespace {

Json lm_studio_model(const api::OllamaModel& model, const KnownModel& known, const host::Preset* preset) {
  Json loaded = Json::array();
  if (host::is_resident(known.status.state))
    loaded.push_back({{"id", model.name}, {"config", lm_studio_config(preset, known.plan)}});
  const bool writes = !known.plan.request.context.embeddings;
  Json out{{"type", lm_studio_type(known.plan)},
           {"publisher", "plimsoll"},
           {"key", model.name},
           {"display_name", model.name}};
  if (writes) out["architecture"] = model.family;
  out["quantization"] = {{"name", api::quantization_level(model.description)}, {"bits_per_weight", nullptr}};
  out["size_bytes"] = model.size;
  out["params_string"] = api::parameter_size(model.parameters);
  out["loaded_instances"] = std::move(loaded);
  out["max_context_length"] = usable_context(preset, known.plan);
  out["format"] = "gguf";
  if (!writes) return out;
  out["capabilities"] = {{"vision", senses_of(*known.model, known.plan).sees}, {"trained_for_tool_use", true}};
  out["description"] = nullptr;
  return out;
}

}  // namespace

Json lm_studio_models(const host::Host& host) {
  Json out = Json::array();
  for (const KnownModel& known : known_models(host)) {
    api::OllamaModel file = ollama_model(host, known.plan);
    out.push_back(lm_studio_model(file, known, nullptr));
    for (const host::Preset& preset : known.model->presets) {
      file.name = preset.name;
      out.push_back(lm_studio_model(file, known, &preset));
    }
  }
  return out;
}

}  // namespace plimsoll::server
