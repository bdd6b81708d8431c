// engine_greeting: what is decided, and said, when an engine is met.
#pragma once
#include "engine.hpp"

namespace plimsoll::guard {

// Guards it, or stands aside with one line that says why.
void greet(Engine& engine);

}  // namespace plimsoll::guard
