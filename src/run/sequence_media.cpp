// SequenceSchedule: a prompt with media in the place of what a sequence holds.
#include <algorithm>

#include <plimsoll/base/error.hpp>

#include "sequence_schedule.hpp"

namespace plimsoll::run {
namespace {

using engine::ChunkKind;
using engine::PromptChunk;

// Where the new ones begin: a piece of the prompt, and so many of its tokens that are there already.
struct Cut {
  std::size_t size = 0;  // of what stays
  std::size_t chunk = 0;
  std::size_t inside = 0;
};

// The last cell is decoded again, so that logits come of it; a medium only as a whole.
Cut cut_of(std::span<const PromptChunk> chunks, std::size_t same) {
  std::size_t all = 0;
  for (const PromptChunk& chunk : chunks) all += chunk.n_tokens();
  same = std::min(same, all - 1);
  Cut cut;
  for (const PromptChunk& chunk : chunks) {
    if (cut.size + chunk.n_tokens() > same) break;
    cut.size += chunk.n_tokens();
    ++cut.chunk;
  }
  if (chunks[cut.chunk].kind() == ChunkKind::text) cut.inside = same - cut.size;
  cut.size += cut.inside;
  return cut;
}

}  // namespace

std::size_t SequenceSchedule::replace_with_chunks(Sequence& sequence, std::span<const PromptChunk> chunks,
                                                  std::size_t same) {
  const auto is_empty = [](const PromptChunk& chunk) { return chunk.n_tokens() == 0; };
  if (std::ranges::all_of(chunks, is_empty)) throw Error(ErrorCode::usage, "there is nothing in this prompt");
  Cut cut = cut_of(chunks, std::min(same, sequence.tokens.size()));
  try {
    truncate(sequence, cut.size);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;  // its memory cannot be cut there, nor decoded again
    truncate(sequence, 0);
    cut = {};
  }
  if (cut.inside > 0) {
    append(sequence, std::span(chunks[cut.chunk].tokens()).subspan(cut.inside), false);
    ++cut.chunk;
  }
  if (cut.chunk < chunks.size()) append_chunks(sequence, chunks.subspan(cut.chunk));
  return sequence.decoded;
}

}  // namespace plimsoll::run
