// How the CPU's threads wait for one another, decided before OpenMP starts.
#pragma once

namespace plimsoll::app {

// Whether one of these arguments is a subcommand that computes with a model.
[[nodiscard]] bool may_compute(int argc, const char* const* argv);

// Starts the program again with engine::bounded_waiting() in its environment, once; the process stays the same. Returns
// where there is nothing to set, or it cannot be done. Before there are threads.
void bound_waiting(char** argv);

}  // namespace plimsoll::app
