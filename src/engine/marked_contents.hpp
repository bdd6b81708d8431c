// marked_contents: which bytes of a prompt are what messages say, where the prompt is written by something that does
// not tell: a built-in template of the engine, a function of a program.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/prompt_tokens.hpp"

namespace plimsoll::engine {

// What `write` makes of these contents, each of them marked as input. It is called twice, the second time with letters
// around the contents that nobody has agreed on; where that comes to another text, each content is looked for, one
// after the other.
[[nodiscard]] PromptText with_contents_marked(
    const std::function<std::string(const std::vector<std::string>& contents)>& write,
    const std::vector<std::string>& contents);

}  // namespace plimsoll::engine
