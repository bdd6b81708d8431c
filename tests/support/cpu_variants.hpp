// cpu_variants: the engine's CPU backends, one for each generation of instructions, of which it loads the best that
// runs here. A test may have another.
#pragma once
#include <string>
#include <vector>

namespace plimsoll::test {

// "x64", "haswell", "zen4" ...: those that run on this machine, sorted.
[[nodiscard]] std::vector<std::string> cpu_variants();

// From now on the backends that this process starts are this one alone: no accelerators. Before they are started.
void use_cpu_variant(const std::string& name);

}  // namespace plimsoll::test
