// near_name: the name that somebody may have meant.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::app {

// The subcommand that does what this word does in Ollama's, LM Studio's and llama.cpp's programs; empty: none does.
[[nodiscard]] std::string same_elsewhere(std::string_view written);

// The name that the fewest letters are wrong of (left out, put in, taken for others, or swapped with the next one);
// empty: none is near.
[[nodiscard]] std::string near_name(std::string_view written, const std::vector<std::string>& names);

}  // namespace plimsoll::app
