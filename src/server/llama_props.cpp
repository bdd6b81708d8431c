#include "llama_props.hpp"

#include <algorithm>
#include <filesystem>

#include <plimsoll/base/error.hpp>
#include "api/llama_settings.hpp"
#include "api/openai_parts.hpp"
#include "base/utf8.hpp"
#include "engine/model.hpp"

#include "asked_model.hpp"
#include "infill_prompt.hpp"
#include "media_prompt.hpp"
#include "preset.hpp"

namespace plimsoll::server {
namespace {

using api::Json;

// Where files lie is nobody's business out there; what they are called is.
std::string file_name(const std::string& path) { return as_utf8(std::filesystem::path(path).filename().string()); }

std::string text_of(const engine::Vocab& vocab, engine::Token token) {
  return token == LLAMA_TOKEN_NULL ? std::string{} : vocab.piece(token, true);
}

// What a model's template is and has a place for, with llama-server's names, or why it cannot be read.
void describe_template(Json& props, const PromptReader& reader, const std::string& chosen) {
  props["chat_template"] = chosen.empty() ? reader.template_source() : chosen;
  try {
    const std::shared_ptr<const ModelTemplate> own = reader.chat_template(chosen);
    const engine::TemplateCapabilities& can = own->chat.capabilities();
    props["chat_template_caps"] = {{"supports_string_content", can.text_content},
                                   {"supports_typed_content", can.content_parts},
                                   {"supports_system_role", can.system},
                                   {"supports_tools", can.tools},
                                   {"supports_tool_calls", can.tool_calls},
                                   {"supports_parallel_tool_calls", can.parallel_calls},
                                   {"supports_object_arguments", can.tool_calls && !can.arguments_as_text},
                                   {"supports_preserve_reasoning", can.thoughts},
                                   {"supports_enable_thinking", can.thinking_switch}};
  } catch (const Error& error) {
    props["chat_template_error"] = error.what();
  }
}

void add_vocabulary(Json& props, const PromptReader& reader, const std::string& chosen) {
  describe_template(props, reader, chosen);
  props["bos_token"] = text_of(reader.vocab(), reader.vocab().bos());
  props["eos_token"] = text_of(reader.vocab(), reader.vocab().eos());
  props["infill"] = fills_gaps(reader.vocab());
}

// Of a request that says nothing itself.
Json default_settings(const ServerContext& server, const NamedModel& named, const plan::ModelPlan& plan,
                      const PromptReader* reader) {
  const engine::PartialSampling recommended = reader != nullptr ? reader->recommended() : engine::PartialSampling{};
  const bool has_own = named.preset != nullptr && named.preset->adapters;
  api::TextRequest request;
  request.sampling = sampling_of(recommended, *named.model, named.preset, request);
  request.adapters.emplace();
  for (const float scale : has_own ? scales_of(*named.preset->adapters, plan.request.adapters)
                                   : server.adapter_scales.of(plan.name, plan.request.adapters))
    request.adapters->push_back({.id = request.adapters->size(), .scale = scale});
  if (server.options.limits.answer_tokens > 0)
    request.most_tokens = static_cast<std::int32_t>(server.options.limits.answer_tokens);
  return api::llama_settings(request);
}

std::size_t context_of(const NamedModel& named, const plan::ModelPlan& plan) {
  const std::size_t whole = plan.dry_run.context.n_ctx_seq;
  return named.preset != nullptr && named.preset->n_ctx > 0 ? std::min<std::size_t>(whole, named.preset->n_ctx) : whole;
}

}  // namespace

Json llama_props(const ServerContext& server, const NamedModel& named, const PromptReader* reader) {
  const host::ModelStatus status = status_of(server.host, named.model->request.name);
  const plan::ModelPlan plan = plan_of(server.host, status.name);
  const MediaSenses senses = senses_of(*named.model, plan);
  Json props{{"default_generation_settings",
              {{"params", default_settings(server, named, plan, reader)}, {"n_ctx", context_of(named, plan)}}},
             {"total_slots", status.slots},
             {"n_ctx", plan.dry_run.context.n_ctx},  // of all slots together
             {"model_alias", named.name()},
             {"model_path", file_name(plan.request.model.path)},
             {"modalities", {{"vision", senses.sees}, {"audio", senses.hears}}},
             {"media_marker", "<__media__>"},  // of /completion
             {"endpoint_slots", true},
             {"endpoint_props", false},  // they are read here, not changed
             {"endpoint_metrics", true}};
  if (reader != nullptr) add_vocabulary(props, *reader, named.chat_template());
  props["build_info"] = api::system_fingerprint();
  props["state"] = host::to_string(status.state);
  props["is_sleeping"] = !is_resident(status.state);
  return props;
}

// Leases have no numbers: as many slots as there are leases are at work.
Json llama_slots(const host::Host& host, const std::string& model) {
  const host::ModelStatus status = status_of(host, model);
  const plan::ModelPlan plan = plan_of(host, model);
  const bool has_draft = host::drafts_of(*host.fleet()).contains(model);
  Json out = Json::array();
  for (std::size_t i = 0; i < status.slots; ++i)
    out.push_back({{"id", i},
                   {"n_ctx", plan.dry_run.context.n_ctx_seq},
                   {"speculative", has_draft},
                   {"is_processing", i < status.leases}});
  return out;
}

Json llama_adapters(const host::Host& host, const std::string& model, const AdapterScales& scales) {
  const plan::ModelPlan plan = plan_of(host, model);
  const engine::AdapterScales now = scales.of(model, plan.request.adapters);
  Json out = Json::array();
  for (const engine::AdapterParams& adapter : plan.request.adapters)
    out.push_back({{"id", out.size()}, {"path", file_name(adapter.path)}, {"scale", now[out.size()]}});
  return out;
}

}  // namespace plimsoll::server
