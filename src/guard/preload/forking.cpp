#include "forking.hpp"

#include <pthread.h>

#include "engine.hpp"
#include "guarding.hpp"
#include "llama_library.hpp"
#include "reports.hpp"

namespace plimsoll::guard {
namespace {

// Of the thread that forks.
thread_local Accounts* held_accounts = nullptr;
thread_local Contexts* held_contexts = nullptr;

// The order in which the guard's threads take them, where they have several: models and contexts are described under
// their mutex, and that asks the accounts.
void before_fork() {
  hold_llama_libraries();
  hold_engines();
  hold_known_engines();
  hold_making();
  held_contexts = contexts_if_there();
  if (held_contexts != nullptr) held_contexts->hold();
  held_accounts = accounts_if_there();
  if (held_accounts != nullptr) held_accounts->hold();
  hold_reports();
}

void let_go() {
  let_go_reports();
  if (held_accounts != nullptr) held_accounts->let_go();
  if (held_contexts != nullptr) held_contexts->let_go();
  let_go_making();
  let_go_known_engines();
  let_go_engines();
  let_go_llama_libraries();
}

// What the child has of the engine is a copy, and so are the accounts; reports stay its parent's.
void after_fork_in_child() {
  renew_making_in_child();
  if (held_contexts != nullptr) held_contexts->renew_in_child();
  let_go();
  leave_reports_to_parent();
}

}  // namespace

void hold_locks_over_forks() {
  static std::atomic_flag holds;
  if (!holds.test_and_set()) pthread_atfork(before_fork, let_go, after_fork_in_child);
}

}  // namespace plimsoll::guard
