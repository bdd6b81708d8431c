#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tuple>

#include "engine/backend.hpp"
#include "engine/file_fingerprint.hpp"
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

}  // namespace

std::string fingerprint_of(const engine::Context& context) {
  const engine::ContextFacts& facts = context.facts();
  return fmt::format("{} llama {} cache {}/{}{}{}{}", engine::file_fingerprint(context.model()->params().path),
                     engine::engine_version().llama, engine::to_string(facts.type_k), engine::to_string(facts.type_v),
                     facts.flash_attn ? " flash" : "", facts.swa_full ? " swa_full" : "", rope_of(context.params()));
}

std::string_view model_of(std::string_view fingerprint) noexcept {
  return fingerprint.substr(0, fingerprint.find(' '));
}

}  // namespace plimsoll::run
