#include "run/speculative.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "engine/model.hpp"

namespace plimsoll::run {

bool same_vocabulary(const engine::Model& one, const engine::Model& other) {
  if (one.facts().n_vocab != other.facts().n_vocab) return false;
  const engine::Vocab a = one.vocab();
  const engine::Vocab b = other.vocab();
  if (!a.present() || !b.present()) return a.present() == b.present();
  for (engine::Token token = 0; token < a.n_tokens(); ++token) {
    if (a.piece(token, true) != b.piece(token, true)) return false;
  }
  return a.bos() == b.bos() && a.eos() == b.eos();
}

plan::Request plan_with_draft(plan::Request& target, std::string draft_file, const SpeculationParams& speculation) {
  if (!(speculation.least_probability >= 0) || speculation.least_probability > 1) {
    throw Error(ErrorCode::usage,
                fmt::format("the least probability of a draft's tokens cannot be {}; it is a probability",
                            speculation.least_probability));
  }
  engine::ContextParams& context = target.dry_run.context;
  if (speculation.most < 1 || speculation.most >= context.n_batch) {
    throw Error(ErrorCode::usage, fmt::format("to check {} tokens of a draft takes batches of {}, and n_batch is {}",
                                              speculation.most, speculation.most + 1, context.n_batch));
  }
  plan::Request draft{.name = target.name + "-draft",
                      .dry_run = target.dry_run,
                      .compute_group = target.compute_group,
                      .runtime = target.runtime};
  draft.dry_run.model.path = std::move(draft_file);
  draft.dry_run.model.metadata_overrides.clear();  // they are of the other file
  draft.dry_run.adapters.clear();
  draft.dry_run.control_vector = {};
  draft.dry_run.projector = {};
  const auto rows = static_cast<std::uint32_t>(
      std::min<std::size_t>((speculation.most + 1) * std::max(1U, context.n_seq_max), context.n_batch));
  context.n_outputs_max = std::max(context.n_outputs_max, rows);
  return draft;
}

void require_memory_for_drafts(const engine::Model& target, std::string_view target_name) {
  const engine::ModelFacts& facts = target.facts();
  if (!facts.is_recurrent && !facts.is_hybrid && !facts.has_encoder) return;
  throw Error(ErrorCode::unsupported,
              fmt::format("'{}' cannot take tokens back from its memory, which checking proposals needs", target_name));
}

void require_draft(const engine::Model& target, std::string_view target_name, const engine::Model& draft,
                   std::string_view draft_name) {
  require_memory_for_drafts(target, target_name);
  if (!same_vocabulary(target, draft))
    throw Error(ErrorCode::usage, fmt::format("'{}' and '{}' have not the same vocabulary", target_name, draft_name));
}

}  // namespace plimsoll::run
