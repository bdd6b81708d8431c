// media_warm_up: drives a projector through the largest pictures and sounds that it may meet, and what comes of them
// through the context.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll::run {

class Instance;

// Pictures of several shapes, each as large as the projector takes them; a sound of 30 s. None where it has no
// projector. A step empties the context before and leaves it filled. It throws what Instance::project() and the context
// throw.
[[nodiscard]] std::vector<std::pair<std::string, std::function<void()>>> media_warm_up(Instance& instance);

}  // namespace plimsoll::run
