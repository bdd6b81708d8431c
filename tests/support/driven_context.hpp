// driven_context: everything that a session can make a context do, one step after the other.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "engine/context.hpp"

namespace plimsoll::test {

// Batches of many sizes with no, one and all rows of logits, of one and of several sequences, also of unequal lengths;
// parts removed; positions moved and divided, where this context can; copies; states saved and restored; vectors that
// see each other; a full context. Encoders and contexts for embeddings: what they are asked for. `after` is called
// after each step with its name. Throws Error where the engine refuses a step. Leaves the context empty.
void drive(engine::Context& context, const std::function<void(std::string_view step)>& after);

}  // namespace plimsoll::test
