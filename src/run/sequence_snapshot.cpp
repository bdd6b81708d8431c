#include <fmt/format.h>

#include "engine/backend.hpp"
#include "engine/file_fingerprint.hpp"
#include "run/sequence_snapshot.hpp"

namespace plimsoll::run {

std::string fingerprint_of(const engine::Context& context) {
  const engine::ContextFacts& facts = context.facts();
  return fmt::format("{} llama {} cache {}/{}{}{}", engine::file_fingerprint(context.model()->params().path),
                     engine::engine_version().llama, engine::to_string(facts.type_k), engine::to_string(facts.type_v),
                     facts.flash_attn ? " flash" : "", facts.swa_full ? " swa_full" : "");
}

std::string_view model_of(std::string_view fingerprint) noexcept {
  return fingerprint.substr(0, fingerprint.find(' '));
}

}  // namespace plimsoll::run
