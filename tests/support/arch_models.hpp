// arch_models: the engine's own test models, small and with random weights, one file per architecture. Their
// vocabulary is a dummy (text to hashes, tokens to hex). The ctest fixture arch_models writes them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::test {

// All of them, sorted by name. Throws where the fixture has not run.
[[nodiscard]] std::vector<std::string> arch_models();
// "llama-dense", "mamba-dense" ...: the file's path. Throws where there is none.
[[nodiscard]] std::string arch_model(std::string_view name);

// A dense model and one of experts with weights of several types, sorted by name: the fixture's, too.
[[nodiscard]] std::vector<std::string> quantized_models();

// A copy of it in which what was said before matters. The engine's own have factors so small that their logits hardly
// depend on the past (a wrong token among 20 moved them by 1e-7 to 8e-5), so that no test could see a mistake in it.
[[nodiscard]] std::string lively_model(std::string_view name);

}  // namespace plimsoll::test
