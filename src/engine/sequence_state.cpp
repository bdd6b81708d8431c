#include "engine/sequence_state.hpp"

#include <plimsoll/base/error.hpp>
#include "engine/engine_log.hpp"

namespace plimsoll::engine {
namespace {

void require_no_pending_moves(const Context& context) {
  if (context.has_pending_moves())
    throw Error(ErrorCode::usage, "this context was copied or shifted and moves its memory with the next decode");
}

}  // namespace

SequenceState SequenceState::save(Context& context, SequenceId sequence) {
  context.require_sequence(sequence);
  require_no_pending_moves(context);
  SequenceState state;
  state.data_.resize(llama_state_seq_get_size(context.handle(), sequence));
  const std::size_t written =
      llama_state_seq_get_data(context.handle(), state.data_.data(), state.data_.size(), sequence);
  if (written == 0 || written > state.data_.size()) {
    throw Error(ErrorCode::engine_failed, "the engine could not save this sequence");
  }
  state.data_.resize(written);
  return state;
}

Bytes SequenceState::size_of(Context& context, SequenceId sequence) {
  context.require_sequence(sequence);
  require_no_pending_moves(context);
  return Bytes{llama_state_seq_get_size(context.handle(), sequence)};
}

void SequenceState::restore(Context& context, SequenceId sequence) const {
  context.require_sequence(sequence);
  require_no_pending_moves(context);
  const EngineLogListener heard;
  if (llama_state_seq_set_data(context.handle(), data_.data(), data_.size(), sequence) == data_.size()) return;
  (void)context.remove(sequence, -1, -1);
  throw Error(ErrorCode::engine_failed, "the saved sequence does not fit this context: " + heard.first_error());
}

}  // namespace plimsoll::engine
