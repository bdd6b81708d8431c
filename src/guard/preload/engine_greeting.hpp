// engine_greeting: what is decided, and said, when an engine is met.
#pragma once
#include <string>

#include "engine.hpp"

namespace plimsoll::guard {

// Decides whether it is guarded. Gives why not.
[[nodiscard]] std::string judge(Engine& engine);
// Once, when others may know it already: where the guard stands aside, in one line.
void greet(const Engine& engine, const std::string& why_not);

}  // namespace plimsoll::guard
