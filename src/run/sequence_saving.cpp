// SequenceSchedule: sequences as snapshots on the host, and back.
#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "engine/sequence_state.hpp"

#include "sequence_schedule.hpp"

namespace plimsoll::run {

using engine::DecodeStatus;
using engine::Position;

// Any decode will do: of what waits anyway, of a token on a sequence that nobody has, or of a last token once more.
void SequenceSchedule::settle_memory() {
  if (!instance_.context().has_pending_moves()) return;
  const auto in_memory = [](const auto& sequence) { return sequence->decoded > 0; };
  if (std::ranges::none_of(sequences_, in_memory)) return instance_.context().clear();
  std::shared_ptr<Sequence> spare;
  if (waiting().empty()) {
    if (!free_.empty()) {
      spare = create();
      append(*spare, std::vector<engine::Token>{0}, false);
    } else {
      const auto redone = std::ranges::find_if(
          sequences_, [](const auto& sequence) { return !sequence->first_vector && sequence->decoded > 0; });
      if (redone == sequences_.end()) throw Error(ErrorCode::usage, "infer first: the memory is still to be moved");
      const engine::Token last = (*redone)->tokens.back();
      truncate(**redone, (*redone)->tokens.size() - 1);
      append(**redone, std::span(&last, 1), false);
    }
  }
  DecodeStatus status = DecodeStatus::ok;
  while (status == DecodeStatus::ok && instance_.context().has_pending_moves()) status = infer({});
  if (spare) release(spare);
  if (status != DecodeStatus::ok)
    throw Error(ErrorCode::engine_failed, fmt::format("moving the memory failed: {}", engine::to_string(status)));
}

namespace {

std::vector<SequenceSnapshot::Span> spans_of(const Sequence& sequence) {
  std::vector<SequenceSnapshot::Span> spans;
  for (const PositionSpan& span : sequence.spans)
    spans.push_back({.first = span.first, .count = span.count, .next = span.next});
  return spans;
}

}  // namespace

SequenceSnapshot SequenceSchedule::save(Sequence& sequence) {
  if (!sequence.blocks.empty()) throw Error(ErrorCode::usage, "vectors wait to be decoded, and they are not saved");
  settle_memory();
  engine::Context& context = instance_.context();
  return {.fingerprint = fingerprint_of(context),
          .tokens = sequence.tokens,
          .positions = sequence.positions,
          .decoded = sequence.decoded,
          .spans = spans_of(sequence),
          .adapter_scales = sequence.adapter_scales,
          .memory = engine::SequenceState::save(context, sequence.id).bytes()};
}

Bytes SequenceSchedule::size_when_saved(Sequence& sequence) {
  if (!sequence.blocks.empty()) throw Error(ErrorCode::usage, "vectors wait to be decoded, and they are not saved");
  settle_memory();
  return engine::SequenceState::size_of(instance_.context(), sequence.id);
}

std::shared_ptr<Sequence> SequenceSchedule::restore(const SequenceSnapshot& snapshot) {
  engine::Context& context = instance_.context();
  if (snapshot.fingerprint != fingerprint_of(context))
    throw Error(ErrorCode::usage, fmt::format("this state is of another model, cache or engine than '{}' ({}, not {})",
                                              instance_.name(), snapshot.fingerprint, fingerprint_of(context)));
  const bool spans_inside = std::ranges::all_of(snapshot.spans, [&](const SequenceSnapshot::Span& span) {
    return span.count <= snapshot.tokens.size() && span.first <= snapshot.tokens.size() - span.count && span.next >= 0;
  });
  const bool whole =
      snapshot.tokens.size() == snapshot.positions.size() && snapshot.decoded <= snapshot.tokens.size() && spans_inside;
  if (!whole) throw Error(ErrorCode::usage, "this state contradicts itself");
  instance_.require_adapter_scales(snapshot.adapter_scales);
  const std::size_t end = snapshot.positions.empty() ? 0 : static_cast<std::size_t>(snapshot.positions.back()) + 1;
  const std::size_t needed = std::max(end, snapshot.tokens.size());
  if (needed > context.facts().n_ctx_seq) {
    throw Error(ErrorCode::context_overflow,
                fmt::format("this state is of {} tokens, and a sequence of '{}' holds {}", needed, instance_.name(),
                            context.facts().n_ctx_seq),
                {{"needed", needed}, {"available", context.facts().n_ctx_seq}});
  }
  settle_memory();
  auto sequence = create();
  try {
    if (snapshot.decoded > 0) engine::SequenceState(snapshot.memory).restore(context, sequence->id);
    if (snapshot.decoded > 0 && context.last_position(sequence->id) != snapshot.positions[snapshot.decoded - 1])
      throw Error(ErrorCode::engine_failed, "the engine restored another length than was saved");
    sequence->tokens = snapshot.tokens;
    sequence->positions = snapshot.positions;
    for (const SequenceSnapshot::Span& span : snapshot.spans)
      sequence->spans.push_back({.first = span.first, .count = span.count, .next = span.next});
  } catch (...) {
    release(sequence);
    throw;
  }
  sequence->decoded = snapshot.decoded;
  sequence->adapter_scales = snapshot.adapter_scales;
  note_cells();
  const auto vector = std::ranges::find(snapshot.tokens, LLAMA_TOKEN_NULL);
  if (vector != snapshot.tokens.end())
    sequence->first_vector = static_cast<std::size_t>(vector - snapshot.tokens.begin());
  return sequence;
}

}  // namespace plimsoll::run
