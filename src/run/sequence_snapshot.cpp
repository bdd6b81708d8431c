#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tuple>

#include "engine/backend.hpp"
#include "run/sequence_snapshot.hpp"

namespace plimsoll::run {

namespace {

// Keys in the cache were turned by these angles. Empty: by the model's own.
std::string rope_of(const engine::ContextParams& params) {
  const engine::ContextParams own;
  const auto all = [](const engine::ContextParams& of) {
    return std::tuple(static_cast<int>(of.rope_scaling), of.rope_freq_base, of.rope_freq_scale, of.yarn_orig_ctx,
                      of.yarn_ext_factor, of.yarn_attn_factor, of.yarn_beta_fast, of.yarn_beta_slow);
  };
  return all(params) == all(own) ? "" : fmt::format(" rope {}", fmt::join(all(params), "/"));
}

// Another number of experts, say, computes something else.
std::string metadata_of(const engine::ModelParams& params) {
  std::string text;
  for (const engine::MetadataOverride& entry : params.metadata_overrides)
    text += (text.empty() ? " metadata " : "+") + to_string(entry);
  return text;
}

// What is in the cache was computed with them, by scales that a snapshot has itself.
std::string adapters_of(const engine::Context& context) {
  std::string text;
  for (const auto& adapter : context.adapters()) text += (text.empty() ? " lora " : "+") + adapter->fingerprint();
  return text;
}

}  // namespace

std::string fingerprint_of(const engine::Context& context) {
  const engine::ContextFacts& facts = context.facts();
  return fmt::format("{} llama {} cache {}/{}{}{}{}{}{}", context.model()->fingerprint(),
                     engine::engine_version().llama, engine::to_string(facts.type_k), engine::to_string(facts.type_v),
                     facts.flash_attn ? " flash" : "", facts.swa_full ? " swa_full" : "", rope_of(context.params()),
                     metadata_of(context.model()->params()), adapters_of(context));
}

std::string_view model_of(std::string_view fingerprint) noexcept {
  return fingerprint.substr(0, fingerprint.find(' '));
}

}  // namespace plimsoll::run
