// serve_models: what the process of a model does.
#pragma once
#include "worker/limits.hpp"

namespace plimsoll::worker {

// Serves the host at the other end of the socket until that is closed; the process ends then, and where it is beyond
// its limits.
int serve_models(int socket, const Limits& limits);

}  // namespace plimsoll::worker
