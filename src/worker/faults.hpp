// faults: how a test makes the process of a model break down: PLIMSOLL_TEST_WORKER_FAULT=HOW@TOKEN, HOW being abort,
// segv, loop or alloc. It happens on the decode loop, once a prompt with that token has been decoded; for vectors and
// scores before an input with it is computed. HOW being taken, it aborts as soon as a sequence is given that token, and
// being stuck, it hangs then; HOW being hang, it never loads a model.
#pragma once
#include <span>

#include <plimsoll/engine/params.hpp>

namespace plimsoll::worker {

[[nodiscard]] bool faults_are_on();
void fault_at(std::span<const engine::Token> tokens);
void fault_when_taken(std::span<const engine::Token> tokens);
void fault_while_loading();

}  // namespace plimsoll::worker
