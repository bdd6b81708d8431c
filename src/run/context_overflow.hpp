// ContextOverflow: what to do where a conversation has filled its context and wants to go on.
#pragma once
#include <cstddef>

#include "run/conversation.hpp"

namespace plimsoll::run {

enum class ContextOverflow {
  fail,       // throw Error{context_overflow}
  stop,       // end the generation with FinishReason::length
  shift,      // forget some, move the rest up in memory; where the model's memory cannot do that, as reprefill
  reprefill,  // forget some, decode the rest again: slower, and as if the forgotten had never been
};

struct OverflowOptions {
  ContextOverflow strategy = ContextOverflow::fail;
  std::size_t keep = 0;  // tokens at the beginning that are never forgotten; the model's begin token is kept anyway
  double discard_share = 0.5;  // of the others, those forgotten at a time: above 0, at most 1
};

// Makes room for `needed` more tokens by shift or reprefill; after a reprefill tokens wait. Throws Error:
// context_overflow (fail, stop, or what is to be kept leaves too little), usage (a share out of its range).
void make_room(Conversation& conversation, const OverflowOptions& options, std::size_t needed = 1);

}  // namespace plimsoll::run
