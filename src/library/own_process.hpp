// own_process: a process that was forked from one with a runtime has none of its threads: what it inherited would wait
// for them without an end.
#pragma once
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include <plimsoll/base/error.hpp>

#include "moved_from.hpp"

namespace plimsoll::library {

inline std::atomic<pid_t> process_of_runtime = 0;  // of the one that was made last; 0: none was

[[nodiscard]] inline bool is_of_another_process() noexcept {
  const pid_t process = process_of_runtime.load(std::memory_order_relaxed);
  return process != 0 && process != getpid();
}

// As held(), of what works with threads. Throws Error{usage} in a forked child, too.
template <class Pointer>
[[nodiscard]] const Pointer& held_here(const Pointer& pointer, const char* what) {
  const Pointer& out = held(pointer, what);
  if (is_of_another_process())
    throw Error(ErrorCode::usage, std::string("this ") + what +
                                      " belongs to the process that this one was forked from: its threads are not "
                                      "here; fork before a runtime is made");
  return out;
}

}  // namespace plimsoll::library
