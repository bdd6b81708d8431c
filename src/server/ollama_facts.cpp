#include "ollama_facts.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <optional>

#include "base/clock.hpp"
#include "engine/model.hpp"

#include "asked_model.hpp"
#include "infill_prompt.hpp"
#include "media_prompt.hpp"

namespace plimsoll::server {
namespace {

// Which file it is; not a hash of its content, which may be many gigabytes.
std::string digest_of(const std::string& identity) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  (void)EVP_Digest(identity.data(), identity.size(), bytes.data(), &size, EVP_sha256(), nullptr);
  std::string out;
  for (unsigned int i = 0; i < size; ++i) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

std::string modified_at(const std::string& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  if (error) return utc_text({});
  return utc_text(std::chrono::time_point_cast<Clock::TimePoint::duration>(std::chrono::file_clock::to_sys(time)));
}

std::uint64_t size_of(const std::string& path) {
  std::uint64_t sum = 0;
  for (const std::string& file : engine::split_files(path)) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    sum += error ? 0 : size;
  }
  return sum;
}

std::string expires_at(const host::ModelStatus& status) {
  constexpr const char* kNever = "2300-01-01T00:00:00Z";
  if (!status.time_to_live || status.pinned) return kNever;
  const auto at = later(status.last_used.value_or(SystemClock().now()), *status.time_to_live);
  return at ? utc_text(*at) : kNever;
}

// The engine gives all values as text; clients compute with those that are numbers.
api::Json number_or_text(const std::string& text) {
  const std::optional<api::Json> read = api::json_inside(text);
  return read && read->is_number() ? *read : api::Json(text);
}

api::Json model_info(const plan::ModelPlan& plan, const PromptReader& reader) {
  const engine::ModelFacts& facts = plan.dry_run.model;
  const std::string kind = facts.architecture + ".";
  const auto of_arch = [&](const char* key) { return kind + key; };
  api::Json out{{"general.architecture", facts.architecture}, {"general.parameter_count", facts.n_params},
                {of_arch("block_count"), facts.n_layer},      {of_arch("context_length"), facts.n_ctx_train},
                {of_arch("embedding_length"), facts.n_embd},  {of_arch("vocab_size"), facts.n_vocab}};
  for (const std::string& key :
       {std::string("general.name"), std::string("general.basename"), std::string("general.size_label"),
        std::string("tokenizer.ggml.model"), std::string("tokenizer.ggml.pre"), of_arch("attention.head_count"),
        of_arch("attention.head_count_kv"), of_arch("feed_forward_length"), of_arch("rope.freq_base")}) {
    if (const auto value = reader.model().metadata(key))
      out[key] = key.starts_with(kind) ? number_or_text(*value) : api::Json(*value);
  }
  return out;
}

bool thinks(const PromptReader& reader) {
  try {
    return reader.chat_template()->reasoning.has_value();
  } catch (const Error&) {
    return false;  // its template cannot be read
  }
}

std::vector<std::string> capabilities(const host::FleetModel& model, const plan::ModelPlan& plan,
                                      const PromptReader& reader) {
  if (plan.request.context.embeddings) return {"embedding"};
  std::vector<std::string> out{"completion"};
  if (reader.facts().has_decoder) out.emplace_back("tools");
  if (fills_gaps(reader.vocab())) out.emplace_back("insert");
  if (thinks(reader)) out.emplace_back("thinking");
  if (senses_of(model, plan).sees) out.emplace_back("vision");
  return out;
}

}  // namespace

api::OllamaModel ollama_model(const host::Host& host, const plan::ModelPlan& plan) {
  const std::string& path = plan.request.model.path;
  const engine::ModelFacts& facts = plan.dry_run.model;
  return {.name = plan.name,
          .modified_at = modified_at(path),
          .size = size_of(path),
          .digest = digest_of(host.planned_files(plan.name)),
          .family = facts.architecture,
          .parameters = facts.n_params,
          .description = facts.description};
}

std::vector<api::OllamaModel> ollama_models(const host::Host& host) {
  std::vector<api::OllamaModel> out;
  for (const KnownModel& known : known_models(host)) {
    out.push_back(ollama_model(host, known.plan));
    for (const host::Preset& preset : known.model->presets) {
      api::OllamaModel one = out.back();  // the same file
      one.name = preset.name;
      out.push_back(std::move(one));
    }
  }
  return out;
}

std::vector<api::OllamaLoaded> ollama_loaded(const host::Host& host) {
  std::vector<api::OllamaLoaded> out;
  for (const KnownModel& known : known_models(host)) {
    if (!is_resident(known.status.state)) continue;
    api::OllamaLoaded loaded{.model = ollama_model(host, known.plan),
                             .expires_at = expires_at(known.status),
                             .context = known.plan.dry_run.context.n_ctx_seq};
    for (const plan::Entry& entry : known.plan.entries) {
      loaded.bytes += entry.bytes.value();
      if (!entry.device.is_host()) loaded.device_bytes += entry.bytes.value();
    }
    out.push_back(std::move(loaded));
  }
  return out;
}

api::OllamaShown ollama_shown(const host::Host& host, const NamedModel& named, const PromptReader& reader) {
  const plan::ModelPlan plan = plan_of(host, named.model->request.name);
  const std::string own = named.chat_template();
  api::OllamaShown out{.model = ollama_model(host, plan),
                       .chat_template = own.empty() ? reader.template_source() : own,
                       .model_info = model_info(plan, reader),
                       .capabilities = capabilities(*named.model, plan, reader),
                       .context = reader.context().n_ctx_seq};
  if (named.preset != nullptr && named.preset->n_ctx > 0) out.context = std::min(out.context, named.preset->n_ctx);
  return out;
}

}  // namespace plimsoll::server
